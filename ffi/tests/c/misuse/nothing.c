/* What is not there has no parts, freeing it does nothing, and beyond the last item of a list there is nothing either. */
#include "suite.h"

#define NO_TEXT(text) CHECK(!(text).data && !(text).len)
/* An accessor that answers so of NULL, and the name of its parameter. */
#define TEXT_OF_NOTHING(export, parameter) \
    do {                                   \
        NO_TEXT(export(NULL));             \
        covered(#export, parameter);       \
    } while (0)
#define OF_NOTHING(export, answer, parameter) \
    do {                                      \
        CHECK(export(NULL) == (answer));      \
        covered(#export, parameter);          \
    } while (0)
#define ITEM_OF_NOTHING(export, parameter)                          \
    do {                                                            \
        CHECK(!export(NULL, 0) && !export(NULL, SIZE_MAX));         \
        covered(#export, parameter " index");                       \
    } while (0)
#define FREES_NOTHING(export, parameter) \
    do {                                 \
        export(NULL);                    \
        covered(#export, parameter);     \
    } while (0)

void accessors_of_nothing(void) {
    covered("dw_version", ""), covered("dw_abi_version", "");
    CHECK(is(dw_version(), DW_VERSION) && dw_abi_version() == DW_ABI_VERSION);
    TEXT_OF_NOTHING(dw_str_from, "text");
    TEXT_OF_NOTHING(dw_text_str, "text");
    OF_NOTHING(dw_error_status, DW_STATUS_OK, "error");
    TEXT_OF_NOTHING(dw_error_kind, "error");
    TEXT_OF_NOTHING(dw_error_reason, "error");
    TEXT_OF_NOTHING(dw_error_message, "error");
    TEXT_OF_NOTHING(dw_error_field, "error");
    OF_NOTHING(dw_error_http_status, 200, "error");
    OF_NOTHING(dw_error_is_retryable, false, "error");
    OF_NOTHING(dw_error_retry_after_ms, 0, "error");
    OF_NOTHING(dw_error_rate_limit, NULL, "error");
    OF_NOTHING(dw_rate_limit_status_remaining, 0, "status");
    OF_NOTHING(dw_rate_limit_status_reset_after_ms, 0, "status");
    TEXT_OF_NOTHING(dw_rate_limit_status_policy_field, "status");
    TEXT_OF_NOTHING(dw_rate_limit_status_field, "status");
    TEXT_OF_NOTHING(dw_rate_limit_status_json, "status");
    CHECK(!dw_rate_limit_status_limit(NULL).max_requests && !dw_rate_limit_status_limit(NULL).window_ms);
    covered("dw_rate_limit_status_limit", "status");
    CHECK(!dw_key_rate_limit(NULL).max_requests && !dw_key_rate_limit(NULL).window_ms);
    covered("dw_key_rate_limit", "key");
    OF_NOTHING(dw_context_role, DW_ROLE_NONE, "context");
    TEXT_OF_NOTHING(dw_context_institution_id, "context");
    TEXT_OF_NOTHING(dw_context_key_id, "context");
    TEXT_OF_NOTHING(dw_context_json, "context");
    TEXT_OF_NOTHING(dw_institution_id, "institution");
    TEXT_OF_NOTHING(dw_institution_name, "institution");
    TEXT_OF_NOTHING(dw_institution_json, "institution");
    TEXT_OF_NOTHING(dw_key_id, "key");
    TEXT_OF_NOTHING(dw_key_institution_id, "key");
    TEXT_OF_NOTHING(dw_key_hint, "key");
    TEXT_OF_NOTHING(dw_key_label, "key");
    OF_NOTHING(dw_key_role, DW_ROLE_NONE, "key");
    OF_NOTHING(dw_key_status_now, DW_KEY_STATUS_NONE, "key");
    TEXT_OF_NOTHING(dw_key_expires_at, "key");
    OF_NOTHING(dw_key_version, 0, "key");
    TEXT_OF_NOTHING(dw_key_json, "key");
    TEXT_OF_NOTHING(dw_created_key_token, "created");
    OF_NOTHING(dw_created_key_record, NULL, "created");
    OF_NOTHING(dw_created_keys_count, 0, "created");
    ITEM_OF_NOTHING(dw_created_keys_at, "created");
    OF_NOTHING(dw_import_report_imported, 0, "report");
    OF_NOTHING(dw_import_report_conflicts, 0, "report");
    TEXT_OF_NOTHING(dw_import_report_json, "report");
    TEXT_OF_NOTHING(dw_policy_id, "policy");
    TEXT_OF_NOTHING(dw_policy_region, "policy");
    TEXT_OF_NOTHING(dw_policy_config, "policy");
    OF_NOTHING(dw_policy_version, 0, "policy");
    TEXT_OF_NOTHING(dw_policy_json, "policy");
    OF_NOTHING(dw_decision_allowed, false, "decision");
    OF_NOTHING(dw_decision_policy, DW_POLICY_SOURCE_NONE, "decision");
    TEXT_OF_NOTHING(dw_decision_policy_id, "decision");
    OF_NOTHING(dw_decision_policy_version, 0, "decision");
    OF_NOTHING(dw_decision_violations, 0, "decision");
    TEXT_OF_NOTHING(dw_decision_json, "decision");
    OF_NOTHING(dw_decisions_count, 0, "decisions");
    ITEM_OF_NOTHING(dw_decisions_at, "decisions");
    OF_NOTHING(dw_page_count, 0, "page");
    TEXT_OF_NOTHING(dw_page_next, "page");
    ITEM_OF_NOTHING(dw_page_institution_at, "page");
    ITEM_OF_NOTHING(dw_page_key_at, "page");
    ITEM_OF_NOTHING(dw_page_policy_at, "page");
    FREES_NOTHING(dw_error_free, "error");
    FREES_NOTHING(dw_text_free, "text");
    FREES_NOTHING(dw_rate_limit_status_free, "status");
    FREES_NOTHING(dw_door_free, "door");
    FREES_NOTHING(dw_context_free, "context");
    FREES_NOTHING(dw_session_free, "session");
    FREES_NOTHING(dw_institution_free, "institution");
    FREES_NOTHING(dw_key_free, "key");
    FREES_NOTHING(dw_created_key_free, "created");
    FREES_NOTHING(dw_created_keys_free, "created");
    FREES_NOTHING(dw_import_report_free, "report");
    FREES_NOTHING(dw_policy_free, "policy");
    FREES_NOTHING(dw_decision_free, "decision");
    FREES_NOTHING(dw_decisions_free, "decisions");
    FREES_NOTHING(dw_page_free, "page");
}

/* An item that a page does not have, and one of another kind than the page's. */
static void has_none(const dw_page *page, size_t index) {
    CHECK(!dw_page_institution_at(page, index) && !dw_page_key_at(page, index) && !dw_page_policy_at(page, index));
    NO_TEXT(dw_page_json_at(page, index));
    covered("dw_page_json_at", "page index");
}

static void has_one(dw_page *page, int institutions, int keys, int policies) {
    size_t count = dw_page_count(page);
    CHECK(count > 0 && dw_page_json_at(page, 0).len);
    CHECK(!dw_page_institution_at(page, 0) == !institutions && !dw_page_key_at(page, 0) == !keys && !dw_page_policy_at(page, 0) == !policies);
    has_none(page, count), has_none(page, SIZE_MAX);
    dw_page_free(page);
}

void items_beyond_the_last(void) {
    const dw_session *session = given.session;
    dw_page *page;
    has_none(NULL, 0);
    CHECK(dw_list_institutions(session, NULL, &page, NULL) == DW_STATUS_OK);
    has_one(page, 1, 0, 0);
    CHECK(dw_list_keys(session, given.institution_id, NULL, NULL, &page, NULL) == DW_STATUS_OK);
    has_one(page, 0, 1, 0);
    CHECK(dw_list_policies(session, given.institution_id, NULL, &page, NULL) == DW_STATUS_OK);
    has_one(page, 0, 0, 1);
    CHECK(dw_policy_history(session, given.institution_id, given.region, NULL, &page, NULL) == DW_STATUS_OK);
    has_one(page, 0, 0, 0);
    CHECK(dw_list_audit_events(session, NULL, NULL, &page, NULL) == DW_STATUS_OK);
    has_one(page, 0, 0, 0);

    dw_created_keys *created;
    CHECK(dw_create_keys(session, given.institution_id, given.keys, 1, &created, NULL) == DW_STATUS_OK);
    CHECK(dw_created_keys_at(created, 0) && !dw_created_keys_at(created, 1) && !dw_created_keys_at(created, SIZE_MAX));
    dw_created_keys_free(created);

    dw_decisions *decisions;
    dw_position position = {dw_str_from("7000"), dw_str_from("USD")};
    CHECK(dw_check_positions(session, given.institution_id, given.region, &position, 1, &decisions, NULL) == DW_STATUS_OK);
    CHECK(!dw_decisions_at(decisions, 1) && !dw_decisions_at(decisions, SIZE_MAX));
    const size_t beyond[] = {1, SIZE_MAX};
    const dw_decision *decision = dw_decisions_at(decisions, 0);
    CHECK(dw_decision_violation(decision, 0).code.len);
    for (size_t index = 0; index < 3; index++) {
        dw_violation none = index < 2 ? dw_decision_violation(decision, beyond[index]) : dw_decision_violation(NULL, 0);
        NO_TEXT(none.code);
        NO_TEXT(none.limit);
        NO_TEXT(none.value);
    }
    covered("dw_decision_violation", "decision index");
    covered("dw_violation", "code limit value");
    dw_decisions_free(decisions);
}
