/* Tokens: their hash, whether they are let in once that is stored, why not otherwise, and the hint in the audit trail. */
#include "facts.h"

/* The token is refused for this reason, and the trail shows this of it ("" if nothing). */
static void is_refused(const struct place *place, const json_t *fact, dw_str text, const char *reason, const char *hint) {
    dw_verdict verdict;
    dw_page *page;
    dw_page_request newest = {0};
    dw_audit_query query = {0};
    uint64_t limit = 1;
    dw_credentials credentials = token(text);
    FACT(fact, dw_verify(place->door, &credentials, NULL, &verdict, NULL) == DW_STATUS_UNAUTHENTICATED);
    FACT(fact, is(verdict.reason, reason) && !verdict.key_id.len);
    query.struct_size = sizeof query;
    query.action = dw_str_from("authenticate");
    newest.struct_size = sizeof newest;
    newest.limit = &limit;
    CHECK(dw_list_audit_events(place->session, &query, &newest, &page, NULL) == DW_STATUS_OK);
    dw_str written = dw_page_json_at(page, 0);
    json_t *event = json_loadb(written.data, written.len, 0, NULL);
    const char *seen = json_string_value(json_object_get(json_object_get(event, "payload"), "hint"));
    FACT(fact, !strcmp(json_string_value(json_object_get(event, "error")), reason));
    FACT(fact, !strcmp(seen ? seen : "", hint));
    json_decref(event);
    dw_page_free(page);
}

static void is_let_in(const struct place *place, const json_t *fact, dw_str text, const dw_key *key) {
    dw_verdict verdict;
    dw_key *found;
    dw_credentials credentials = token(text);
    FACT(fact, dw_verify(place->door, &credentials, NULL, &verdict, NULL) == DW_STATUS_OK);
    FACT(fact, is(dw_key_id(key), verdict.key_id.text) && verdict.role == DW_ROLE_READ_ONLY);
    CHECK(dw_find_by_token(place->door, text, &found, NULL) == DW_STATUS_OK);
    FACT(fact, found && is(dw_key_id(found), verdict.key_id.text));
    dw_key_free(found);
}

static void has_hash(const json_t *fact, dw_str text, const char *sha256) {
    dw_text *hash;
    CHECK(dw_hash_token(text, &hash, NULL) == DW_STATUS_OK);
    FACT(fact, is(dw_text_str(hash), sha256));
    dw_text_free(hash);
}

static void reproduce(const json_t *fact) {
    static const char *const MEMBERS[] = {"token", "brand", "env", "public", "checksum", "valid", "foreign", "sha256", "length", NULL};
    only(fact, MEMBERS);
    dw_str text = text_of(json_object_get(fact, "token"));
    const char *sha256 = json_string_value(json_object_get(fact, "sha256"));
    const char *brand = json_string_value(json_object_get(fact, "brand")), *env = json_string_value(json_object_get(fact, "env"));
    int foreign = json_is_true(json_object_get(fact, "foreign")), valid = json_is_true(json_object_get(fact, "valid"));
    FACT(fact, sha256 && strlen(sha256) == 64 && (foreign || (brand && env)));
    has_hash(fact, text, sha256);
    char hint[32];
    snprintf(hint, sizeof hint, "%.8s", sha256);
    if (valid) {
        const char *public = json_string_value(json_object_get(fact, "public")), *checksum = json_string_value(json_object_get(fact, "checksum"));
        FACT(fact, public && checksum && (json_int_t)text.len == json_integer_value(json_object_get(fact, "length")));
        snprintf(hint, sizeof hint, "%s_%s_%s", brand, env, public);
        FACT(fact, !strncmp(text.data, hint, strlen(hint)) && !strcmp(text.data + text.len - strlen(checksum), checksum));
    }
    const struct setting format[] = {{"DOORWARD_TOKEN_BRAND", brand}, {"DOORWARD_TOKEN_ENV", env}};
    struct place place = enter(format, foreign ? 0 : 2);
    const char *refusal = !text.len ? "missing" : foreign || valid ? "unknown" : "malformed";
    is_refused(&place, fact, text, refusal, text.len ? hint : "");
    /* A damaged one is refused even if somebody stored its hash. */
    dw_key *key = import(&place, dw_str_from(sha256));
    char first[9];
    snprintf(first, sizeof first, "%.8s", sha256);
    FACT(fact, is(dw_key_hint(key), first));
    if (text.len && (foreign || valid)) is_let_in(&place, fact, text, key);
    else is_refused(&place, fact, text, refusal, text.len ? hint : "");
    dw_key_free(key);
    leave(&place);
}

size_t token_facts(const json_t *facts) {
    size_t own = 0, foreign = 0, len = json_array_size(facts);
    for (size_t index = 0; index < len; index++) {
        const json_t *fact = json_array_get(facts, index);
        own += json_is_true(json_object_get(fact, "valid"));
        foreign += json_is_true(json_object_get(fact, "foreign"));
        reproduce(fact);
    }
    CHECK(own > 0 && foreign > 0 && own + foreign < len);
    return len;
}
