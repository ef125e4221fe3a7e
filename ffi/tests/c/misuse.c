/* What a program may get wrong, and what it is told. (Pointers to what is not there cannot be noticed, and are not here.) */
#include "check.h"

#include <stdint.h>

#define ABSENT ((dw_str){NULL, 0})
#define GARBAGE(type) ((type *)(uintptr_t)0x51515151)
#define REQUIRED(call, field) failed_as(call, &error, DW_STATUS_VALIDATION, "required", field)
#define INVALID(call, reason, field) failed_as(call, &error, DW_STATUS_VALIDATION, reason, field)

static dw_door *door;
static dw_session *session;
static dw_error *error;
static dw_str acme, us, dollar;

/* Every call that gives an object writes NULL into its place before it does anything. */
static void out_parameters_are_emptied_first(void) {
    dw_institution *institution = GARBAGE(dw_institution);
    dw_key *key = GARBAGE(dw_key);
    dw_context *context = GARBAGE(dw_context);
    dw_decision *decision = GARBAGE(dw_decision);
    dw_door *opened = GARBAGE(dw_door);
    dw_session *made = GARBAGE(dw_session);
    dw_page *page = GARBAGE(dw_page);
    dw_policy *policy = GARBAGE(dw_policy);
    dw_text *text = GARBAGE(dw_text);
    uint64_t count = 77;
    bool reachable = true;
    dw_position position = {dollar, dollar};
    REQUIRED(dw_open(NULL, &opened, &error), "options");
    CHECK(!opened);
    REQUIRED(dw_get_institution(NULL, acme, &institution, &error), "session");
    CHECK(!institution);
    REQUIRED(dw_get_key(NULL, acme, acme, &key, &error), "session");
    CHECK(!key);
    REQUIRED(dw_session_new(NULL, NULL, NULL, &made, &error), "door");
    CHECK(!made);
    REQUIRED(dw_session_new(door, NULL, NULL, &made, &error), "context");
    REQUIRED(dw_session_system(NULL, &made, &error), "door");
    CHECK(!made);
    REQUIRED(dw_authenticate(NULL, NULL, NULL, &context, &error), "door");
    REQUIRED(dw_authenticate(door, NULL, NULL, &context, &error), "credentials");
    CHECK(!context);
    context = GARBAGE(dw_context);
    REQUIRED(dw_admit(NULL, NULL, NULL, acme, us, position, &context, &decision, &error), "door");
    CHECK(!context && !decision);
    CHECK(!dw_decision_allowed(decision));
    REQUIRED(dw_list_keys(NULL, acme, NULL, NULL, &page, &error), "session");
    CHECK(!page);
    REQUIRED(dw_get_policy(NULL, acme, us, &policy, &error), "session");
    CHECK(!policy);
    REQUIRED(dw_revoke_all_keys(NULL, acme, &count, &error), "session");
    CHECK(!count);
    REQUIRED(dw_health(NULL, &reachable, &text, &error), "door");
    CHECK(!text && !reachable);
    text = GARBAGE(dw_text);
    REQUIRED(dw_metrics_text(NULL, &text, &error), "door");
    CHECK(!text);
    key = GARBAGE(dw_key);
    REQUIRED(dw_find_by_token(NULL, acme, &key, &error), "door");
    CHECK(!key);
    /* A verdict says no before anything is looked at. */
    dw_verdict verdict;
    memset(&verdict, 0, sizeof verdict);
    verdict.role = DW_ROLE_ROOT;
    verdict.key_id.len = 5;
    CHECK(dw_verify(NULL, NULL, NULL, &verdict, &context) == DW_STATUS_VALIDATION);
    CHECK(verdict.status == DW_STATUS_VALIDATION && verdict.role == DW_ROLE_NONE && !verdict.key_id.len && is(verdict.reason, "required"));
    CHECK(dw_verify(NULL, NULL, NULL, NULL, NULL) == DW_STATUS_VALIDATION);
}

/* A place for the answer that is NULL is refused and nothing is done; one for the error may be. */
static void places_that_are_null(void) {
    dw_new_key key = {0};
    uint64_t count;
    key.struct_size = sizeof key;
    key.label = acme;
    key.role = DW_ROLE_ADMIN;
    REQUIRED(dw_create_key(session, acme, &key, NULL, &error), "created");
    REQUIRED(dw_get_institution(session, acme, NULL, &error), "institution");
    REQUIRED(dw_list_institutions(session, NULL, NULL, &error), "page");
    REQUIRED(dw_open(NULL, NULL, &error), "door");
    CHECK(dw_create_key(session, acme, &key, NULL, NULL) == DW_STATUS_VALIDATION);
    CHECK(dw_revoke_all_keys(session, acme, &count, NULL) == DW_STATUS_OK && count == 0);
    CHECK(dw_health(door, NULL, NULL, NULL) == DW_STATUS_OK);
}

static void texts(void) {
    dw_institution *institution;
    dw_policy *policy;
    dw_str not_utf8 = {"\xff\xfe", 2}, huge = {"x", SIZE_MAX}, large = {"x", (size_t)1 << 40}, nowhere = {NULL, 5}, empty = {"x", 0};
    REQUIRED(dw_get_institution(session, ABSENT, &institution, &error), "institution_id");
    REQUIRED(dw_get_institution(session, nowhere, &institution, &error), "institution_id");
    INVALID(dw_get_institution(session, not_utf8, &institution, &error), "not_utf8", "institution_id");
    INVALID(dw_get_institution(session, huge, &institution, &error), "too_long", "institution_id");
    INVALID(dw_get_institution(session, large, &institution, &error), "too_long", "institution_id");
    CHECK(dw_get_institution(session, empty, &institution, NULL) == DW_STATUS_VALIDATION);
    /* A length of 0 reads nothing, wherever the pointer points. */
    dw_str dangling = {(const char *)(uintptr_t)1, 0};
    CHECK(dw_get_institution(session, dangling, &institution, NULL) == DW_STATUS_VALIDATION);
    INVALID(dw_upsert_policy(session, acme, us, not_utf8, NULL, &policy, &error), "not_utf8", "config");
    INVALID(dw_upsert_policy(session, acme, not_utf8, acme, NULL, &policy, &error), "not_utf8", "region");
    INVALID(dw_merge_policy(session, acme, us, huge, NULL, &policy, &error), "too_long", "patch");
    INVALID(dw_upsert_policy(session, acme, us, dw_str_from("{"), NULL, &policy, &error), "invalid_json", "config");
    CHECK(!dw_str_from(NULL).data && !dw_str_from(NULL).len);
}

static void tokens(void) {
    dw_verdict verdict;
    dw_key *key;
    dw_str not_utf8 = {"\xff\xfe", 2}, huge = {"x", SIZE_MAX}, nowhere = {NULL, 5}, empty = {"x", 0};
    dw_credentials bad[] = {token(not_utf8), token(huge), token(empty), token(ABSENT), token(nowhere)};
    const char *reasons[] = {"malformed", "malformed", "missing", "missing", "required"};
    for (size_t index = 0; index < 5; index++) {
        dw_context *context = GARBAGE(dw_context);
        dw_status status = index < 4 ? DW_STATUS_UNAUTHENTICATED : DW_STATUS_VALIDATION;
        CHECK(dw_verify(door, &bad[index], NULL, &verdict, &context) == status && !context);
        CHECK(verdict.status == status && is(verdict.reason, reasons[index]) && verdict.role == DW_ROLE_NONE);
    }
    INVALID(dw_find_by_token(door, not_utf8, &key, &error), "not_utf8", "token");
    REQUIRED(dw_find_by_token(door, ABSENT, &key, &error), "token");
    dw_header header = {dw_str_from("x-api-key"), huge};
    dw_credentials headers = {0};
    headers.struct_size = sizeof headers;
    headers.headers = &header;
    headers.headers_len = 1;
    CHECK(dw_verify(door, &headers, NULL, &verdict, NULL) == DW_STATUS_VALIDATION && is(verdict.reason, "too_long"));
    headers.headers_len = SIZE_MAX;
    CHECK(dw_verify(door, &headers, NULL, &verdict, NULL) == DW_STATUS_VALIDATION && is(verdict.reason, "too_long"));
    headers.headers = NULL;
    headers.headers_len = 1;
    CHECK(dw_verify(door, &headers, NULL, &verdict, NULL) == DW_STATUS_VALIDATION && is(verdict.reason, "required"));
    dw_request request = {0};
    request.struct_size = sizeof request;
    request.peer = dw_str_from("10.0.0.1:80");
    CHECK(dw_verify(door, &bad[3], &request, &verdict, NULL) == DW_STATUS_VALIDATION && is(verdict.reason, "invalid_format"));
}

/* A struct that grew: members that are not known must be zero. One that lies about its size is refused. */
static void sizes_of_structs(void) {
    struct {
        dw_new_institution known;
        uint64_t unknown;
    } newer;
    dw_institution *institution;
    memset(&newer, 0, sizeof newer);
    newer.known.name = acme;
    const size_t wrong[] = {0, 1, sizeof newer.known - 1, 4097, SIZE_MAX};
    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++) {
        newer.known.struct_size = wrong[index];
        INVALID(dw_create_institution(session, &newer.known, &institution, &error), "out_of_range", "new_institution.struct_size");
    }
    newer.known.struct_size = sizeof newer;
    newer.unknown = 1;
    failed_as(dw_create_institution(session, &newer.known, &institution, &error), &error, DW_STATUS_CONFIG, "unsupported", "new_institution");
    newer.unknown = 0;
    CHECK(dw_create_institution(session, &newer.known, &institution, NULL) == DW_STATUS_OK);
    dw_institution_free(institution);

    dw_options options = {0};
    dw_door *opened;
    INVALID(dw_open(&options, &opened, &error), "out_of_range", "options.struct_size");
    dw_credentials credentials = {0};
    CHECK(dw_verify(door, &credentials, NULL, NULL, NULL) == DW_STATUS_VALIDATION);
    dw_request request = {0};
    credentials = token(acme);
    CHECK(dw_verify(door, &credentials, &request, NULL, NULL) == DW_STATUS_VALIDATION);
    dw_page_request page_request = {0};
    dw_page *page;
    INVALID(dw_list_institutions(session, &page_request, &page, &error), "out_of_range", "page_request.struct_size");
    dw_key_query query = {0};
    INVALID(dw_list_keys(session, acme, &query, NULL, &page, &error), "out_of_range", "query.struct_size");
    dw_audit_query audit = {0};
    INVALID(dw_list_audit_events(session, &audit, NULL, &page, &error), "out_of_range", "query.struct_size");
    dw_key_patch patch = {0};
    dw_key *key;
    INVALID(dw_update_key(session, acme, dw_str_from("ak_x"), &patch, &key, &error), "out_of_range", "patch.struct_size");
    dw_institution_patch change = {0};
    INVALID(dw_update_institution(session, acme, &change, &institution, &error), "out_of_range", "patch.struct_size");
    dw_new_key keys[2];
    dw_created_keys *created;
    memset(keys, 0, sizeof keys);
    INVALID(dw_create_keys(session, acme, keys, 2, &created, &error), "out_of_range", "keys[0].struct_size");
    keys[0].struct_size = sizeof *keys;
    keys[0].label = acme;
    keys[0].role = DW_ROLE_ADMIN;
    INVALID(dw_create_keys(session, acme, keys, 2, &created, &error), "out_of_range", "keys[1].struct_size");
    REQUIRED(dw_create_keys(session, acme, NULL, 2, &created, &error), "keys");
    INVALID(dw_create_keys(session, acme, keys, SIZE_MAX, &created, &error), "too_long", "keys");
    keys[1] = keys[0];
    keys[1].role = 99;
    INVALID(dw_create_keys(session, acme, keys, 2, &created, &error), "unknown_role", "keys[1].role");
    /* What lies where no struct of the kind can lie. */
    INVALID(dw_create_keys(session, acme, (const dw_new_key *)(const void *)((const char *)keys + 1), 1, &created, &error), "invalid_format", "keys[0]");
}

static void numbers_that_are_no_enums(void) {
    dw_new_key key = {0};
    dw_created_key *created;
    dw_page *page;
    key.struct_size = sizeof key;
    key.label = acme;
    const int32_t roles[] = {DW_ROLE_NONE, DW_ROLE_ROOT, 4, -1, INT32_MAX, INT32_MIN};
    for (size_t index = 0; index < 6; index++) {
        key.role = roles[index];
        INVALID(dw_create_key(session, acme, &key, &created, &error), "unknown_role", "role");
    }
    key.role = DW_ROLE_ADMIN;
    key.reserved = 1;
    INVALID(dw_create_key(session, acme, &key, &created, &error), "out_of_range", "reserved");
    key.reserved = 0;
    key.key_hash = acme;
    INVALID(dw_create_key(session, acme, &key, &created, &error), "invalid_format", "key_hash");
    dw_key_query query = {0};
    query.struct_size = sizeof query;
    query.role = 17;
    INVALID(dw_list_keys(session, acme, &query, NULL, &page, &error), "unknown_role", "role");
    query.role = DW_ROLE_NONE;
    query.status = -3;
    INVALID(dw_list_keys(session, acme, &query, NULL, &page, &error), "invalid_format", "status");
    dw_page_request asked = {0};
    asked.struct_size = sizeof asked;
    asked.order = 2;
    INVALID(dw_list_keys(session, acme, NULL, &asked, &page, &error), "invalid_format", "order");
    uint64_t limit = UINT64_MAX;
    asked.order = 0;
    asked.limit = &limit;
    INVALID(dw_list_keys(session, acme, NULL, &asked, &page, &error), "out_of_range", "limit");
}

static void lists_and_settings(void) {
    dw_decisions *decisions;
    dw_position position = {dw_str_from("1"), dollar};
    REQUIRED(dw_check_positions(session, acme, us, NULL, 3, &decisions, &error), "positions");
    INVALID(dw_check_positions(session, acme, us, &position, SIZE_MAX, &decisions, &error), "too_long", "positions");
    INVALID(dw_check_positions(session, acme, us, NULL, 0, &decisions, &error), "empty", "positions");
    dw_setting settings[2] = {{dw_str_from("STORE_BACKEND"), dw_str_from("memory")}, {dw_str_from("STORE_BACKEND"), dw_str_from("memory")}};
    dw_options options = {0};
    dw_door *opened;
    options.struct_size = sizeof options;
    options.settings = settings;
    options.settings_len = 2;
    INVALID(dw_open(&options, &opened, &error), "duplicate", "settings[1].name");
    settings[1].name = dw_str_from("STORE_BACKED");
    failed_as(dw_open(&options, &opened, &error), &error, DW_STATUS_CONFIG, "unsupported", "settings[1].name");
    settings[1].name = ABSENT;
    REQUIRED(dw_open(&options, &opened, &error), "settings[1].name");
    INVALID(dw_open_env(&options, &opened, &error), "invalid_format", "settings");
    options.settings_len = 0;
    options.memory_audit_capacity = UINT64_MAX;
    INVALID(dw_open(&options, &opened, &error), "out_of_range", "memory_audit_capacity");
    INVALID(dw_lookup_start(door, NULL, NULL, NULL, NULL, &error), "required", "callback");
}

/* What is not there has no parts, and freeing it does nothing. */
static void accessors_of_nothing(void) {
    CHECK(dw_error_status(NULL) == DW_STATUS_OK && !dw_error_reason(NULL).data && !dw_error_message(NULL).data && !dw_error_kind(NULL).data);
    CHECK(!dw_error_field(NULL).data && !dw_error_is_retryable(NULL) && !dw_error_retry_after_ms(NULL) && dw_error_http_status(NULL) == 200);
    CHECK(dw_context_role(NULL) == DW_ROLE_NONE && !dw_context_institution_id(NULL).data && !dw_context_key_id(NULL).data && !dw_context_json(NULL).data);
    CHECK(!dw_key_id(NULL).data && !dw_key_institution_id(NULL).data && !dw_key_hint(NULL).data && !dw_key_label(NULL).data);
    CHECK(dw_key_role(NULL) == DW_ROLE_NONE && dw_key_status_now(NULL) == DW_KEY_STATUS_NONE && !dw_key_version(NULL));
    CHECK(!dw_key_expires_at(NULL).data && !dw_key_json(NULL).data && !dw_created_key_token(NULL).data && !dw_created_key_record(NULL));
    CHECK(!dw_created_keys_count(NULL) && !dw_created_keys_at(NULL, 0) && !dw_import_report_imported(NULL) && !dw_import_report_conflicts(NULL));
    CHECK(!dw_import_report_json(NULL).data && !dw_institution_id(NULL).data && !dw_institution_name(NULL).data && !dw_institution_json(NULL).data);
    CHECK(!dw_policy_id(NULL).data && !dw_policy_region(NULL).data && !dw_policy_config(NULL).data && !dw_policy_version(NULL) && !dw_policy_json(NULL).data);
    CHECK(!dw_decision_allowed(NULL) && dw_decision_policy(NULL) == DW_POLICY_SOURCE_NONE && !dw_decision_policy_id(NULL).data);
    CHECK(!dw_decision_policy_version(NULL) && !dw_decision_violations(NULL) && !dw_decision_violation(NULL, 0).code.data && !dw_decision_json(NULL).data);
    CHECK(!dw_decisions_count(NULL) && !dw_decisions_at(NULL, 0) && !dw_page_count(NULL) && !dw_page_next(NULL).data && !dw_page_json_at(NULL, 0).data);
    CHECK(!dw_page_institution_at(NULL, 0) && !dw_page_key_at(NULL, 0) && !dw_page_policy_at(NULL, 0) && !dw_text_str(NULL).data);
    dw_error_free(NULL), dw_context_free(NULL), dw_key_free(NULL), dw_created_key_free(NULL), dw_created_keys_free(NULL), dw_import_report_free(NULL);
    dw_institution_free(NULL), dw_policy_free(NULL), dw_decision_free(NULL), dw_decisions_free(NULL), dw_page_free(NULL), dw_text_free(NULL);
    dw_session_free(NULL), dw_door_free(NULL);
}

/* Whatever was in a verdict before. Ids that doorward made and ids that the host chose are written in ways of their own. */
static void verdicts_hold_nothing_of_before(void) {
    static const char ROOT[] = "a root token that is certainly long enough";
    dw_setting settings[] = {{dw_str_from("ROOT_API_KEY"), dw_str_from(ROOT)}};
    dw_options options = {0};
    dw_door *opened;
    options.struct_size = sizeof options;
    options.settings = settings, options.settings_len = 1;
    CHECK(dw_open(&options, &opened, NULL) == DW_STATUS_OK);
    dw_session *system = system_session(opened);
    create_acme(system);
    dw_new_institution new = {0};
    dw_institution *made;
    new.struct_size = sizeof new;
    new.name = dw_str_from("Made Bank");
    CHECK(dw_create_institution(system, &new, &made, NULL) == DW_STATUS_OK);
    dw_new_key key = {0};
    dw_created_key *chosen_ones = create_key(system, "ci"), *made_ones;
    key.struct_size = sizeof key;
    key.label = dw_str_from("ci");
    key.role = DW_ROLE_READ_ONLY;
    CHECK(dw_create_key(system, dw_institution_id(made), &key, &made_ones, NULL) == DW_STATUS_OK);
    struct {
        dw_str token, institution_id, key_id;
        dw_role role;
        const char *reason;
    } expected[] = {
        {dw_created_key_token(chosen_ones), acme, dw_key_id(dw_created_key_record(chosen_ones)), DW_ROLE_ADMIN, ""},
        {dw_created_key_token(made_ones), dw_institution_id(made), dw_key_id(dw_created_key_record(made_ones)), DW_ROLE_READ_ONLY, ""},
        {dw_str_from(ROOT), ABSENT, ABSENT, DW_ROLE_ROOT, ""},
        {dw_str_from("ak_nobodys"), ABSENT, ABSENT, DW_ROLE_NONE, "unknown"},
        {dw_str_from("\xff"), ABSENT, ABSENT, DW_ROLE_NONE, "malformed"},
    };
    for (size_t n = 0; n < sizeof expected / sizeof *expected; n++) {
        dw_verdict verdict;
        dw_context *context;
        dw_credentials credentials = token(expected[n].token);
        memset(&verdict, 0x5a, sizeof verdict);
        dw_status status = dw_verify(opened, &credentials, NULL, &verdict, n % 2 ? &context : NULL);
        CHECK(status == verdict.status && (status == DW_STATUS_OK) == !*expected[n].reason);
        CHECK(verdict.role == expected[n].role && is(verdict.reason, expected[n].reason));
        CHECK(verdict.institution_id.len == expected[n].institution_id.len && is(expected[n].institution_id, verdict.institution_id.text));
        CHECK(verdict.key_id.len == expected[n].key_id.len && is(expected[n].key_id, verdict.key_id.text));
        if (n % 2) {
            CHECK(dw_context_role(context) == expected[n].role);
            dw_context_free(context);
        }
    }
    dw_created_key_free(chosen_ones), dw_created_key_free(made_ones);
    dw_institution_free(made);
    dw_session_free(system);
    dw_door_free(opened);
}

static void places_beyond_the_last(void) {
    dw_page *page;
    CHECK(dw_list_institutions(session, NULL, &page, NULL) == DW_STATUS_OK);
    size_t count = dw_page_count(page);
    CHECK(count > 0 && dw_page_institution_at(page, 0) && !dw_page_institution_at(page, count) && !dw_page_institution_at(page, SIZE_MAX));
    CHECK(!dw_page_json_at(page, count).data && !dw_page_key_at(page, 0) && !dw_page_policy_at(page, 0));
    dw_page_free(page);
}

/* After closing every call says so, and nothing else happens; the door's objects stay good. */
static void calls_after_close(void) {
    dw_institution *institution;
    dw_verdict verdict;
    dw_created_key *created = create_key(session, "last");
    dw_credentials credentials = token(dw_created_key_token(created));
    bool reachable = true;
    CHECK(dw_verify(door, &credentials, NULL, &verdict, NULL) == DW_STATUS_OK);
    CHECK(dw_close(door, 5000, NULL) == DW_STATUS_OK && dw_close(door, 5000, NULL) == DW_STATUS_OK);
    CHECK(dw_verify(door, &credentials, NULL, &verdict, NULL) == DW_STATUS_CLOSED && is(verdict.reason, "closed"));
    failed_as(dw_get_institution(session, acme, &institution, &error), &error, DW_STATUS_CLOSED, "closed", "");
    CHECK(dw_health(door, &reachable, NULL, NULL) == DW_STATUS_OK && !reachable);
    CHECK(is(dw_key_label(dw_created_key_record(created)), "last"));
    dw_created_key_free(created);
    /* A session outlives the handle from which it was made. */
    dw_door_free(door);
    failed_as(dw_get_institution(session, acme, &institution, &error), &error, DW_STATUS_CLOSED, "closed", "");
    dw_session_free(session);
    REQUIRED(dw_close(NULL, 0, &error), "door");
}

int main(void) {
    acme = dw_str_from("acme"), us = dw_str_from("US"), dollar = dw_str_from("USD");
    door = memory_door();
    session = system_session(door);
    create_acme(session);
    out_parameters_are_emptied_first();
    places_that_are_null();
    texts();
    tokens();
    sizes_of_structs();
    numbers_that_are_no_enums();
    lists_and_settings();
    accessors_of_nothing();
    verdicts_hold_nothing_of_before();
    places_beyond_the_last();
    calls_after_close();
    return 0;
}
