/* The facts of tests/vectors, reproduced through the C API. What a runner does not know ends the program. */
#ifndef FACTS_H
#define FACTS_H

#include "../check.h"

#include <jansson.h>

/* FACT(fact, condition): ends the program, and shows the fact, if the condition does not hold. */
#define FACT(fact, condition)                                                                                  \
    do {                                                                                                       \
        if (!(condition)) {                                                                                    \
            char *written_ = json_dumps(fact, JSON_ENCODE_ANY);                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\nfor %s\n", __FILE__, __LINE__, #condition, written_);   \
            free(written_);                                                                                    \
            exit(1);                                                                                           \
        }                                                                                                      \
    } while (0)

/* One for each file: reproduces what it holds, and gives how many facts that were. */
size_t address_facts(const json_t *facts);
size_t amount_facts(const json_t *facts);
size_t credential_facts(const json_t *facts);
size_t policy_facts(const json_t *facts);
size_t token_facts(const json_t *facts);

/* A setting beside those of the store. */
struct setting {
    const char *name, *value;
};

/* A door on the store that the command line names, and an institution of its own on it. */
struct place {
    dw_door *door;
    dw_session *session;
    dw_institution *institution;
    dw_str id;
};

struct place enter(const struct setting *settings, size_t len);
void leave(struct place *place);

/* The text of a JSON string. */
dw_str text_of(const json_t *value);
/* The fact has no members but these. */
void only(const json_t *fact, const char *const *members);
/* Imports a key by this hash. Gives the key's record, to be freed. */
dw_key *import(const struct place *place, dw_str hash);
/* The violations are these codes, and the decision says so. */
int decides(const dw_decision *decision, const json_t *codes);

#endif
