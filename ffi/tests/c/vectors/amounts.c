/* Amounts: read exactly or refused, as text of a position, and as text and number of a stored policy and of one that is tried. */
#include "facts.h"

static struct place place;
static dw_str us, dollar;

/* The number of the text inside JSON: quoted, or as it is. */
static void config_of(char config[512], const char *form, const char *text, int is_number) {
    json_t *string = json_string(text);
    char *quoted = json_dumps(string, JSON_ENCODE_ANY);
    snprintf(config, 512, form, is_number ? text : quoted, is_number ? text : quoted);
    free(quoted);
    json_decref(string);
}

static dw_decisions *try(const char *config, const char *amount, dw_status expected, const char *field) {
    dw_position position = {dw_str_from(amount), dollar};
    dw_decisions *decisions;
    dw_error *error = NULL;
    dw_status status = dw_dry_run(place.session, place.id, us, dw_str_from(config), &position, 1, &decisions, &error);
    if (status != expected || !is(dw_error_field(error), field)) fprintf(stderr, "%s for %s: %d\n", config, amount, status);
    CHECK(status == expected && is(dw_error_field(error), field) && !decisions == (expected != DW_STATUS_OK));
    dw_error_free(error);
    return decisions;
}

/* The only violation of the only decision says this of the limit or of the value. */
static void says(const json_t *fact, dw_decisions *decisions, const char *code, const char *limit, const char *value) {
    const dw_decision *decision = dw_decisions_at(decisions, 0);
    dw_violation violation = dw_decision_violation(decision, 0);
    FACT(fact, dw_decision_violations(decision) == 1 && is(violation.code, code));
    FACT(fact, (!limit || is(violation.limit, limit)) && (!value || is(violation.value, value)));
    dw_decisions_free(decisions);
}

static int is_zero(const char *exact) { return !strcmp(exact, "0"); }
static const char GREATEST[] = "9999999999999999999999999999";

/* As a limit: it is written exactly in the violation, and lies exactly where it should. */
static void is_limit(const json_t *fact, const char *text, const char *exact, int is_number) {
    char config[512];
    if (!is_zero(exact)) {
        config_of(config, "{\"position\":{\"minAmount\":%s}}", text, is_number);
        says(fact, try(config, "0", DW_STATUS_OK, ""), "below_min", exact, "0");
    }
    if (strcmp(exact, GREATEST)) {
        config_of(config, "{\"position\":{\"maxAmount\":%s}}", text, is_number);
        says(fact, try(config, GREATEST, DW_STATUS_OK, ""), "above_max", exact, GREATEST);
    }
    /* Stored and read again, it is still the same amount and no other. */
    dw_policy *policy;
    dw_decision *decision;
    dw_position position = {dw_str_from(exact), dollar};
    config_of(config, "{\"position\":{\"minAmount\":%s,\"maxAmount\":%s}}", text, is_number);
    CHECK(dw_upsert_policy(place.session, place.id, us, dw_str_from(config), NULL, &policy, NULL) == DW_STATUS_OK);
    dw_policy_free(policy);
    CHECK(dw_check_position(place.session, place.id, us, position, &decision, NULL) == DW_STATUS_OK);
    FACT(fact, dw_decision_allowed(decision));
    dw_decision_free(decision);
}

static void accepted(const json_t *facts, int is_number) {
    static const char *const MEMBERS[] = {"text", "exact", NULL};
    for (size_t index = 0; index < json_array_size(facts); index++) {
        const json_t *fact = json_array_get(facts, index);
        only(fact, MEMBERS);
        const char *text = json_string_value(json_object_get(fact, "text")), *exact = json_string_value(json_object_get(fact, "exact"));
        FACT(fact, text && exact);
        is_limit(fact, text, exact, is_number);
        if (is_number) continue;
        /* As the amount of a position. No fact is one half. */
        int below = exact[0] == '0' && strcmp(exact, "0.5") < 0;
        says(fact, try("{\"position\":{\"minAmount\":\"0.5\",\"maxAmount\":\"0.5\"}}", text, DW_STATUS_OK, ""), below ? "below_min" : "above_max", "0.5", exact);
    }
}

static void refused(const json_t *facts, int is_number) {
    for (size_t index = 0; index < json_array_size(facts); index++) {
        const char *text = json_string_value(json_array_get(facts, index));
        char config[512];
        CHECK(text);
        config_of(config, "{\"position\":{\"maxAmount\":%s}}", text, is_number);
        CHECK(!try(config, "1", DW_STATUS_VALIDATION, "config.position.maxAmount"));
        if (!is_number) CHECK(!try("{\"position\":{}}", text, DW_STATUS_VALIDATION, "positions[0].amount"));
    }
}

size_t amount_facts(const json_t *facts) {
    static const char *const MEMBERS[] = {"strings", "json_numbers", "refused_strings", "refused_json_numbers", "note", NULL};
    size_t count = 0;
    us = dw_str_from("US"), dollar = dw_str_from("USD");
    only(facts, MEMBERS);
    for (size_t index = 0; index < 4; index++) {
        CHECK(json_array_size(json_object_get(facts, MEMBERS[index])) > 0);
        count += json_array_size(json_object_get(facts, MEMBERS[index]));
    }
    place = enter(NULL, 0);
    accepted(json_object_get(facts, "strings"), 0);
    accepted(json_object_get(facts, "json_numbers"), 1);
    refused(json_object_get(facts, "refused_strings"), 0);
    refused(json_object_get(facts, "refused_json_numbers"), 1);
    leave(&place);
    return count;
}
