/* Runs the scenarios of tests/conformance through the C API. What it does not know makes a scenario fail. */
#ifndef RUNNER_H
#define RUNNER_H

#include <doorward.h>
#include <jansson.h>
#include <stdnoreturn.h>

/* What a library that is built for tests exports besides (ffi/src/testkit.rs). */
typedef struct dw_test_faults dw_test_faults;
dw_status dw_test_open_faulty(const dw_options *options, dw_test_faults **faults, dw_door **door, dw_error **error);
dw_status dw_test_fault(const dw_test_faults *faults, dw_str kind, dw_error **error);
void dw_test_faults_free(dw_test_faults *faults);

/* The scenario's name comes before each message. */
enum { MOST_SAVED = 64, MOST_FIELDS = 128 };

struct saved_context {
    char *name;
    dw_context *context;
};

struct saved_session {
    char *name;
    dw_session *session;
};

/* What a scenario has while it runs. */
struct world {
    const char *backend;
    char folder[256];
    char schema[64];
    const char *database_url; /* of PostgreSQL */
    json_t *config;           /* the scenario's own variables */
    dw_door *door;
    dw_test_faults *faults;
    struct saved_context contexts[MOST_SAVED];
    size_t contexts_len;
    struct saved_session sessions[MOST_SAVED];
    size_t sessions_len;
};

/* What came of a step: an answer, an error of doorward's, or a text that says why the scenario cannot be played. */
struct outcome {
    json_t *answer;
    dw_error *error;
    char *broken;
};

struct outcome answered(json_t *answer);
struct outcome refused(dw_error *error);
struct outcome broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* value.c: references and generators. A new value, or NULL and a message. */
json_t *fill_known(const json_t *value, const json_t *known);
json_t *fill_all(const json_t *value, const json_t *saved, char **message);
json_t *generate(const json_t *value, char **message);
int offset_of_time(const char *offset, long long *millis);
void write_time(long long millis, char text[32]);
long long now_millis(void);
char *formatted(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* expectation.c: NULL if the answer is as expected, else a message. */
char *meets(const char *place, const json_t *seen, const json_t *expected);

/* operations.c: takes the arguments apart, and calls. Arguments that are left over break the step. */
struct outcome call(struct world *world, const char *operation, const char *as, json_t *arguments, const char *save);
dw_status open_door(struct world *world, const json_t *variables, int faulty, dw_error **error);

/* log.c: has everything logged into memory. `forget_log` says which of the secrets was there, or NULL, and empties it. */
void begin_log(void);
char *forget_log(const json_t *saved, const json_t *config);
size_t end_log(void);

#endif
