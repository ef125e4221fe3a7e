/*
 * What a program may get wrong, in every place of every export, and what it is told.
 *
 * A call is described by its parameters, a struct of options by its members; each kind of place has its misuses (places.c), which
 * are tried in one place at a time while all others are good. So a new export, parameter or member needs a line in calls.c or
 * structs.c and no more, and the suite prints what it has covered, which a test compares with the header.
 */
#ifndef SUITE_H
#define SUITE_H

#include "../check.h"

#include <stddef.h>
#include <stdint.h>

/* What a call may put its answer into. */
union out {
    dw_door *door;
    dw_session *session;
    dw_context *context;
    dw_institution *institution;
    dw_key *key;
    dw_created_key *created;
    dw_created_keys *created_keys;
    dw_import_report *report;
    dw_policy *policy;
    dw_decision *decision;
    dw_decisions *decisions;
    dw_page *page;
    dw_text *text;
    dw_rate_limit_status *left;
    uint64_t count;
    bool flag;
    dw_verdict verdict;
};

/* What a call is given. Each member is good, but for the one that is being misused. */
struct given {
    const dw_door *door;
    const dw_session *session;
    const dw_context *context;
    dw_str institution_id, key_id, region, config, patch, token;
    dw_position position;
    const dw_position *positions;
    size_t positions_len;
    const dw_new_key *keys;
    size_t keys_len;
    const dw_options *options;
    const dw_credentials *credentials;
    const dw_request *request;
    const dw_new_institution *new_institution;
    const dw_institution_patch *institution_patch;
    const dw_new_key *new_key;
    const dw_key_patch *key_patch;
    const dw_key_query *key_query;
    const dw_audit_query *audit_query;
    const dw_page_request *page_request;
    const dw_log_sink *log_sink;
    const uint64_t *expected_version;
    uint64_t deadline_ms, grace_ms;
    int32_t dry_run;
    dw_lookup_done callback;
    void *user;
    union out *out[2];
    dw_error **error;
};

/* The kinds of places, of calls and of structs. */
enum kind {
    OBJECT,    /* a handle */
    TEXT,      /* a dw_str */
    TEXTS,     /* a dw_strs */
    TOKEN,     /* a token, as it is; what is none is malformed */
    NAME,      /* the name of a header; one that is none does not count */
    VALUE,     /* the value of a header with a token */
    POSITION,  /* a dw_position */
    STRUCT,    /* a pointer to a struct that begins with its size; of a member it may be NULL */
    LIST,      /* a pointer to items; its length is the member or parameter behind it */
    LENGTH,    /* that length */
    ENUM,      /* a number that stands for a word */
    LIMIT,     /* a dw_limit */
    NUMBER,    /* a number of which some are out of range */
    FLAG,      /* a number of which each is good */
    RESERVED,  /* 0 */
    POINTER,   /* a pointer to a number */
    SIZE,      /* struct_size */
    CALLBACK,  /* a function */
    USER,      /* a pointer that is only handed on */
    OUT,       /* a place for the answer */
    VERDICT,   /* a place for a verdict */
    ERROR      /* a place for the error */
};

struct layout;

/* A parameter of a call, or a member of a struct. */
struct place {
    const char *name;
    enum kind kind;
    size_t offset;
    enum { REQUIRED, OPTIONAL } need;
    /* What an empty TEXT or LIST gets, or an empty one of TEXTS; NULL if it is fine. Likewise a number that is out of range. */
    const char *reason;
    /* The status that comes with it, if it is not VALIDATION, and the field, if it is not the place's name. */
    dw_status status;
    const char *field;
    /* STRUCT, LIST, POSITION: of what, and how errors name its members, such as "request.%s". A LIST of nothing must be empty. */
    const struct layout *layout;
    const char *named;
    /* ENUM: the first number that is none. FLAG, NUMBER, OUT: how large. */
    size_t size;
    /* OUT: how it is freed. */
    void (*drop)(union out *out);
};

/* A struct, with good values for everything that must be there. */
struct layout {
    const char *name;
    size_t size;
    void (*fill)(void *place);
    /* The size that the first version of the header gave it; 0: it is still the same. */
    size_t first;
    struct place members[12]; /* a place without a name ends them */
};

/* An export that can fail. */
struct call {
    const char *name;
    dw_status (*make)(struct given *given);
    const struct place *parameters[12];
    /* After dw_close it is CLOSED, or goes on: it needs no door, or tells of it otherwise. */
    enum { SAYS_CLOSED, GOES_ON } closed;
};

extern const struct call CALLS[];
extern const size_t CALLS_LEN;

/* main.c: the call that is being misused, and what it is given. */
extern const struct call *call;
extern struct given given;
/* What the callback of a lookup was told. */
extern struct told {
    int count;
    dw_status status;
    char reason[32];
} told;
/* Everything new and good. */
void renew(void);
/* The call answers so, with and without a place for the error, and leaves nothing in its out parameters. */
void refused(const char *misuse, dw_status status, const char *reason, const char *field);
/* The call succeeds. What it gives is freed, and everything renewed. */
void accepted(const char *misuse);
/* Prints that these places of an export or struct were covered. */
void covered(const char *name, const char *places);

/* places.c: every misuse of a parameter, and of all that it points to. */
void misuse(const struct place *const *parameter);

/* nothing.c: accessors, and what is freed. */
void accessors_of_nothing(void);
void items_beyond_the_last(void);

#define ABSENT ((dw_str){NULL, 0})

#endif
