/* Takes the arguments of a step apart. What no operation asked for is left over, and breaks the step. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include "runner.h"

/* The arguments that are left, and what was allocated for those that were taken. */
struct arguments {
    json_t *left;
    json_t *taken[MOST_FIELDS];
    size_t taken_len;
    void *blocks[MOST_FIELDS];
    size_t blocks_len;
    char *broken;
};

json_t *take(struct arguments *arguments, const char *name);
void *block(struct arguments *arguments, size_t count, size_t size);
void release(struct arguments *arguments);
void spoil(struct arguments *arguments, char *message);

dw_str text(struct arguments *arguments, const char *name);
dw_str json_text(struct arguments *arguments, const char *name);
dw_strs texts(struct arguments *arguments, const char *name);
int flag(struct arguments *arguments, const char *name);
const uint64_t *number(struct arguments *arguments, const char *name);
int32_t role(struct arguments *arguments);
dw_position position(struct arguments *arguments, json_t *value);
dw_position *positions(struct arguments *arguments, size_t *len);
dw_limit rate_limit(struct arguments *arguments);
dw_new_key new_key(struct arguments *arguments, json_t *members);
dw_new_key *new_keys(struct arguments *arguments, size_t *len);
dw_credentials credentials(struct arguments *arguments);
dw_request request(struct arguments *arguments);
dw_page_request *page_request(struct arguments *arguments);

#endif
