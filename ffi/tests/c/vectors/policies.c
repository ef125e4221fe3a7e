/* Policies: the same violations in the same order from a dry run, from the stored policy, and from the call that does both. */
#include "facts.h"

static void reproduce(const struct place *place, const json_t *fact, const dw_credentials *caller) {
    static const char *const MEMBERS[] = {"position", "amount", "currency", "allowed", "violations", NULL};
    only(fact, MEMBERS);
    const json_t *violations = json_object_get(fact, "violations");
    FACT(fact, json_is_true(json_object_get(fact, "allowed")) == (json_array_size(violations) == 0));
    dw_position position = {text_of(json_object_get(fact, "amount")), text_of(json_object_get(fact, "currency"))};
    json_t *config = json_pack("{s:O}", "position", json_object_get(fact, "position"));
    char *written = json_dumps(config, 0);
    dw_str us = dw_str_from("US"), absent = {NULL, 0};
    dw_decisions *tried, *batch;
    dw_decision *checked, *admitted;
    dw_policy *policy;

    CHECK(dw_dry_run(place->session, place->id, us, dw_str_from(written), &position, 1, &tried, NULL) == DW_STATUS_OK);
    FACT(fact, dw_decision_policy(dw_decisions_at(tried, 0)) == DW_POLICY_SOURCE_GIVEN && decides(dw_decisions_at(tried, 0), violations));

    CHECK(dw_upsert_policy(place->session, place->id, us, dw_str_from(written), NULL, &policy, NULL) == DW_STATUS_OK);
    CHECK(dw_check_position(place->session, place->id, us, position, &checked, NULL) == DW_STATUS_OK);
    FACT(fact, dw_decision_policy_version(checked) == dw_policy_version(policy) && decides(checked, violations));
    CHECK(dw_check_positions(place->session, place->id, us, &position, 1, &batch, NULL) == DW_STATUS_OK);
    FACT(fact, dw_decisions_count(batch) == 1 && decides(dw_decisions_at(batch, 0), violations));
    CHECK(dw_admit(place->door, caller, NULL, absent, us, position, NULL, &admitted, NULL) == DW_STATUS_OK);
    FACT(fact, dw_decision_policy(admitted) == DW_POLICY_SOURCE_FOUND && decides(admitted, violations));

    dw_decisions_free(tried), dw_decisions_free(batch), dw_decision_free(checked), dw_decision_free(admitted), dw_policy_free(policy);
    free(written);
    json_decref(config);
}

size_t policy_facts(const json_t *facts) {
    struct place place = enter(NULL, 0);
    size_t allowed = 0, len = json_array_size(facts);
    dw_new_key made = {0};
    dw_created_key *created;
    made.struct_size = sizeof made;
    made.label = dw_str_from("caller");
    made.role = DW_ROLE_READ_ONLY;
    CHECK(dw_create_key(place.session, place.id, &made, &created, NULL) == DW_STATUS_OK);
    dw_credentials caller = token(dw_created_key_token(created));
    for (size_t index = 0; index < len; index++) {
        allowed += json_is_true(json_object_get(json_array_get(facts, index), "allowed"));
        reproduce(&place, json_array_get(facts, index), &caller);
    }
    CHECK(allowed > 0 && allowed < len);
    dw_created_key_free(created);
    leave(&place);
    return len;
}
