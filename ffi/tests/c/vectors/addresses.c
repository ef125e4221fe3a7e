/* Addresses: who passes a key's list and the root token's, as the peer and as what a trusted proxy forwards; ranges that are none. */
#include "facts.h"

enum { MOST = 16 };
static const char ROOT[] = "a-root-token-of-forty-characters-or-more";
static const char PROXY[] = "203.0.113.1";

/* A caller who comes from the address is let in, or is told that the address is not allowed. An address that is none is refused. */
static void passes(const struct place *place, const json_t *fact, dw_str token_text, dw_str address, int allowed) {
    dw_credentials caller = token(token_text);
    dw_request request = {0};
    dw_verdict verdict;
    request.struct_size = sizeof request;
    request.peer = address;
    dw_status status = dw_verify(place->door, &caller, &request, &verdict, NULL);
    FACT(fact, (status == DW_STATUS_OK) == allowed);
    if (status == DW_STATUS_VALIDATION) FACT(fact, is(verdict.reason, "invalid_format"));
    else FACT(fact, allowed || is(verdict.reason, "address_not_allowed"));
    request.peer = dw_str_from(PROXY);
    request.forwarded_for = address;
    status = dw_verify(place->door, &caller, &request, &verdict, NULL);
    FACT(fact, status == (allowed ? DW_STATUS_OK : DW_STATUS_UNAUTHENTICATED));
    FACT(fact, allowed || is(verdict.reason, "address_not_allowed"));
}

size_t address_facts(const json_t *facts) {
    static const char *const MEMBERS[] = {"allow", "cases", "refused_ranges", NULL};
    only(facts, MEMBERS);
    const json_t *allow = json_object_get(facts, "allow"), *cases = json_object_get(facts, "cases"), *refused = json_object_get(facts, "refused_ranges");
    dw_str list[MOST];
    char joined[512] = "";
    CHECK(json_array_size(allow) && json_array_size(allow) <= MOST && json_array_size(cases) && json_array_size(refused));
    for (size_t index = 0; index < json_array_size(allow); index++) {
        list[index] = text_of(json_array_get(allow, index));
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", index ? "," : "", list[index].data);
    }
    const struct setting settings[] = {{"ROOT_API_KEY", ROOT}, {"ROOT_API_KEY_ALLOWED_IPS", joined}, {"DOORWARD_TRUSTED_PROXIES", PROXY}};
    struct place place = enter(settings, 3);
    dw_new_key made = {0};
    dw_created_key *created;
    made.struct_size = sizeof made;
    made.label = dw_str_from("bound");
    made.role = DW_ROLE_READ_ONLY;
    made.allowed_addresses = (dw_strs){list, json_array_size(allow)};
    CHECK(dw_create_key(place.session, place.id, &made, &created, NULL) == DW_STATUS_OK);
    for (size_t index = 0; index < json_array_size(cases); index++) {
        const json_t *fact = json_array_get(cases, index), *allowed = json_array_get(fact, 1);
        FACT(fact, json_array_size(fact) == 2 && json_is_boolean(allowed));
        passes(&place, fact, dw_created_key_token(created), text_of(json_array_get(fact, 0)), json_is_true(allowed));
        passes(&place, fact, dw_str_from(ROOT), text_of(json_array_get(fact, 0)), json_is_true(allowed));
    }
    dw_created_key_free(created);
    for (size_t index = 0; index < json_array_size(refused); index++) {
        dw_str range = text_of(json_array_get(refused, index));
        dw_error *error;
        made.allowed_addresses = (dw_strs){&range, 1};
        failed_as(dw_create_key(place.session, place.id, &made, &created, &error), &error, DW_STATUS_VALIDATION, "invalid_format", "allowed_addresses[0]");
        CHECK(!created);
    }
    leave(&place);
    return json_array_size(cases) + json_array_size(refused);
}
