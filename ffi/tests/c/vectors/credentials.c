/* Credentials: the headers of a request carry the stated token, whose key is the one that is let in. */
#include "facts.h"

static int is_let_in(const struct place *place, const dw_credentials *credentials, const dw_key *key) {
    dw_verdict verdict;
    return dw_verify(place->door, credentials, NULL, &verdict, NULL) == DW_STATUS_OK && is(dw_key_id(key), verdict.key_id.text);
}

static int is_refused(const struct place *place, const dw_credentials *credentials, const char *reason) {
    dw_verdict verdict;
    return dw_verify(place->door, credentials, NULL, &verdict, NULL) == DW_STATUS_UNAUTHENTICATED && is(verdict.reason, reason);
}

static void reproduce(const struct place *place, const json_t *fact) {
    static const char *const MEMBERS[] = {"headers", "token", "malformed", NULL};
    only(fact, MEMBERS);
    const json_t *list = json_object_get(fact, "headers"), *expected = json_object_get(fact, "token");
    int malformed = json_is_true(json_object_get(fact, "malformed"));
    dw_header headers[4];
    dw_credentials credentials = {0};
    credentials.struct_size = sizeof credentials;
    credentials.headers = headers;
    FACT(fact, json_is_array(list) && json_array_size(list) <= 4 && (json_is_string(expected) || json_is_null(expected)) && !(malformed && json_is_string(expected)));
    for (size_t index = 0; index < json_array_size(list); index++) {
        const json_t *pair = json_array_get(list, index);
        FACT(fact, json_array_size(pair) == 2);
        headers[credentials.headers_len++] = (dw_header){text_of(json_array_get(pair, 0)), text_of(json_array_get(pair, 1))};
    }
    if (!json_is_string(expected)) {
        FACT(fact, is_refused(place, &credentials, malformed ? "malformed" : "missing"));
        return;
    }
    dw_key *key;
    CHECK(dw_find_by_token(place->door, text_of(expected), &key, NULL) == DW_STATUS_OK);
    if (!key) {
        /* The first fact with this token. */
        dw_text *hash;
        FACT(fact, is_refused(place, &credentials, "unknown"));
        CHECK(dw_hash_token(text_of(expected), &hash, NULL) == DW_STATUS_OK);
        key = import(place, dw_text_str(hash));
        dw_text_free(hash);
    }
    FACT(fact, is_let_in(place, &credentials, key));
    dw_key_free(key);
}

size_t credential_facts(const json_t *facts) {
    struct place place = enter(NULL, 0);
    for (size_t index = 0; index < json_array_size(facts); index++) reproduce(&place, json_array_get(facts, index));
    leave(&place);
    return json_array_size(facts);
}
