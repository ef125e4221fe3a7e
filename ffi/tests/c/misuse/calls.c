/* The exports that can fail, each with its parameters. */
#include "structs.h"

#define DROPS(member, type) static void drop_##member(union out *out) { type##_free(out->member); }
DROPS(door, dw_door)
DROPS(session, dw_session)
DROPS(context, dw_context)
DROPS(institution, dw_institution)
DROPS(key, dw_key)
DROPS(created, dw_created_key)
DROPS(created_keys, dw_created_keys)
DROPS(report, dw_import_report)
DROPS(policy, dw_policy)
DROPS(decision, dw_decision)
DROPS(decisions, dw_decisions)
DROPS(page, dw_page)
DROPS(text, dw_text)
DROPS(left, dw_rate_limit_status)

/* ---- parameters ---- */

#define PARAMETER(member) .name = #member, .offset = offsetof(struct given, member)
#define TEXT_PARAMETER(variable, member, empty) static const struct place variable = {PARAMETER(member), .kind = TEXT, .reason = empty}
#define STRUCT_PARAMETER(variable, as, member, needed, of, members) \
    static const struct place variable = {.name = as, .offset = offsetof(struct given, member), .kind = STRUCT, .need = needed, .layout = &of, .named = members}
#define OUT_PARAMETER(variable, as, number, needed, member) \
    static const struct place variable = {.name = as, .offset = number, .kind = OUT, .need = needed, .size = sizeof(((union out *)0)->member), .drop = drop_##member}

static const struct place DOOR = {PARAMETER(door), .kind = OBJECT};
static const struct place SESSION = {PARAMETER(session), .kind = OBJECT};
static const struct place CONTEXT = {PARAMETER(context), .kind = OBJECT};
TEXT_PARAMETER(INSTITUTION_ID, institution_id, "empty");
TEXT_PARAMETER(KEY_ID, key_id, "empty");
TEXT_PARAMETER(REGION, region, "unknown_region");
TEXT_PARAMETER(CONFIG, config, "invalid_json");
TEXT_PARAMETER(POLICY_PATCH, patch, "invalid_json");
TEXT_PARAMETER(TOKEN_TEXT, token, NULL);
static const struct place OWN_INSTITUTION = {PARAMETER(institution_id), .kind = TEXT, .need = OPTIONAL, .reason = "empty"};
static const struct place ONE_POSITION = {PARAMETER(position), .kind = POSITION, .layout = &POSITION_ASKED, .named = "%s"};
static const struct place POSITIONS = {PARAMETER(positions), .kind = LIST, .reason = "empty", .layout = &POSITION_ASKED, .named = "positions[0].%s"};
static const struct place POSITIONS_LEN = {PARAMETER(positions_len), .kind = LENGTH};
static const struct place KEYS = {PARAMETER(keys), .kind = LIST, .reason = "empty", .layout = &NEW_KEY, .named = "keys[0].%s"};
static const struct place IMPORTED_KEYS = {PARAMETER(keys), .kind = LIST, .reason = "empty", .layout = &IMPORTED_KEY, .named = "keys[0].%s"};
static const struct place KEYS_LEN = {PARAMETER(keys_len), .kind = LENGTH};
STRUCT_PARAMETER(OPTIONS_GIVEN, "options", options, REQUIRED, OPTIONS, "%s");
STRUCT_PARAMETER(BESIDE_ENVIRONMENT, "options", options, OPTIONAL, FURTHER_OPTIONS, "%s");
STRUCT_PARAMETER(PRESENTED, "credentials", credentials, REQUIRED, CREDENTIALS, "%s");
STRUCT_PARAMETER(REQUESTED, "request", request, OPTIONAL, REQUEST, "request.%s");
STRUCT_PARAMETER(INSTITUTION, "new_institution", new_institution, REQUIRED, NEW_INSTITUTION, "%s");
STRUCT_PARAMETER(CHANGE, "patch", institution_patch, REQUIRED, INSTITUTION_PATCH, "%s");
STRUCT_PARAMETER(KEY, "new_key", new_key, REQUIRED, NEW_KEY, "%s");
STRUCT_PARAMETER(KEY_CHANGE, "patch", key_patch, REQUIRED, KEY_PATCH, "%s");
STRUCT_PARAMETER(WHICH_KEYS, "query", key_query, OPTIONAL, KEY_QUERY, "%s");
STRUCT_PARAMETER(WHICH_EVENTS, "query", audit_query, OPTIONAL, AUDIT_QUERY, "%s");
STRUCT_PARAMETER(WHICH_PAGE, "page_request", page_request, OPTIONAL, PAGE_REQUEST, "%s");
STRUCT_PARAMETER(LOGGED_TO, "sink", log_sink, OPTIONAL, LOG_SINK, "sink.%s");
static const struct place VERSION = {PARAMETER(expected_version), .kind = POINTER, .reason = "version_mismatch", .status = DW_STATUS_CONFLICT};
static const struct place DEADLINE = {PARAMETER(deadline_ms), .kind = FLAG, .size = 8};
static const struct place GRACE = {PARAMETER(grace_ms), .kind = NUMBER, .size = 8, .reason = "out_of_range"};
static const struct place DRY_RUN = {PARAMETER(dry_run), .kind = FLAG, .size = 4};
static const struct place TELL = {PARAMETER(callback), .kind = CALLBACK};
static const struct place HANDED_ON = {PARAMETER(user), .kind = USER};
OUT_PARAMETER(TO_DOOR, "door", 0, REQUIRED, door);
OUT_PARAMETER(TO_SESSION, "session", 0, REQUIRED, session);
OUT_PARAMETER(TO_CONTEXT, "context", 0, REQUIRED, context);
OUT_PARAMETER(TO_CONTEXT_BESIDE, "context", 1, OPTIONAL, context);
OUT_PARAMETER(TO_INSTITUTION, "institution", 0, REQUIRED, institution);
OUT_PARAMETER(TO_KEY, "key", 0, REQUIRED, key);
OUT_PARAMETER(TO_CREATED, "created", 0, REQUIRED, created);
OUT_PARAMETER(TO_CREATED_KEYS, "created", 0, REQUIRED, created_keys);
OUT_PARAMETER(TO_REPORT, "report", 0, REQUIRED, report);
OUT_PARAMETER(TO_POLICY, "policy", 0, REQUIRED, policy);
OUT_PARAMETER(TO_DECISION, "decision", 0, REQUIRED, decision);
OUT_PARAMETER(TO_DECISIONS, "decisions", 0, REQUIRED, decisions);
OUT_PARAMETER(TO_PAGE, "page", 0, REQUIRED, page);
OUT_PARAMETER(TO_TEXT, "text", 0, REQUIRED, text);
OUT_PARAMETER(TO_STATUS, "status", 0, REQUIRED, left);
OUT_PARAMETER(TO_HASH, "hash", 0, REQUIRED, text);
OUT_PARAMETER(TO_JSON, "json", 0, REQUIRED, text);
OUT_PARAMETER(TO_JSON_BESIDE, "json", 1, OPTIONAL, text);
static const struct place TO_COUNT = {.name = "count", .offset = 0, .kind = OUT, .size = sizeof(uint64_t)};
static const struct place TO_REACHABLE = {.name = "reachable", .offset = 0, .kind = OUT, .need = OPTIONAL, .size = sizeof(bool)};
static const struct place TO_VERDICT = {.name = "verdict", .offset = 0, .kind = VERDICT, .need = OPTIONAL};
static const struct place TO_ERROR = {PARAMETER(error), .kind = ERROR};

/* ---- calls ---- */

#define TO(number, member) (g->out[number] ? &g->out[number]->member : NULL)
#define MAKES(export, ...) static dw_status make_##export(struct given *g) { return export(__VA_ARGS__); }
#define OF_SESSION(export, ...) MAKES(export, g->session, __VA_ARGS__, g->error)
#define OF_INSTITUTION(export, ...) OF_SESSION(export, g->institution_id, __VA_ARGS__)

MAKES(dw_open, g->options, TO(0, door), g->error)
MAKES(dw_open_env, g->options, TO(0, door), g->error)
MAKES(dw_close, g->door, g->deadline_ms, g->error)
MAKES(dw_health, g->door, TO(0, flag), TO(1, text), g->error)
MAKES(dw_metrics_text, g->door, TO(0, text), g->error)
MAKES(dw_metrics_json, g->door, TO(0, text), g->error)
MAKES(dw_authenticate, g->door, g->credentials, g->request, TO(0, context), g->error)
MAKES(dw_find_by_token, g->door, g->token, TO(0, key), g->error)
MAKES(dw_verify, g->door, g->credentials, g->request, TO(0, verdict), TO(1, context))
MAKES(dw_rate_limit, g->door, g->context, TO(0, left), g->error)
MAKES(dw_lookup_start, g->door, g->credentials, g->request, g->callback, g->user, g->error)
MAKES(dw_session_new, g->door, g->context, g->request, TO(0, session), g->error)
MAKES(dw_session_system, g->door, TO(0, session), g->error)
MAKES(dw_admit, g->door, g->credentials, g->request, g->institution_id, g->region, g->position, TO(1, context), TO(0, decision), g->error)
MAKES(dw_log_to, g->log_sink, g->error)
MAKES(dw_hash_token, g->token, TO(0, text), g->error)
OF_SESSION(dw_create_institution, g->new_institution, TO(0, institution))
OF_INSTITUTION(dw_get_institution, TO(0, institution))
OF_INSTITUTION(dw_update_institution, g->institution_patch, TO(0, institution))
OF_INSTITUTION(dw_create_key, g->new_key, TO(0, created))
OF_INSTITUTION(dw_create_keys, g->keys, g->keys_len, TO(0, created_keys))
OF_INSTITUTION(dw_import_keys, g->keys, g->keys_len, g->dry_run, TO(0, report))
OF_INSTITUTION(dw_get_key, g->key_id, TO(0, key))
OF_INSTITUTION(dw_update_key, g->key_id, g->key_patch, TO(0, key))
OF_INSTITUTION(dw_rotate_key, g->key_id, g->grace_ms, TO(0, created))
OF_INSTITUTION(dw_enable_key, g->key_id, TO(0, key))
OF_INSTITUTION(dw_disable_key, g->key_id, TO(0, key))
OF_INSTITUTION(dw_revoke_key, g->key_id, TO(0, key))
OF_INSTITUTION(dw_revoke_all_keys, TO(0, count))
OF_INSTITUTION(dw_upsert_policy, g->region, g->config, g->expected_version, TO(0, policy))
OF_INSTITUTION(dw_merge_policy, g->region, g->patch, g->expected_version, TO(0, policy))
OF_INSTITUTION(dw_get_policy, g->region, TO(0, policy))
OF_INSTITUTION(dw_delete_policy, g->region, g->expected_version, TO(0, policy))
OF_INSTITUTION(dw_check_position, g->region, g->position, TO(0, decision))
OF_INSTITUTION(dw_check_positions, g->region, g->positions, g->positions_len, TO(0, decisions))
OF_INSTITUTION(dw_dry_run, g->region, g->config, g->positions, g->positions_len, TO(0, decisions))
OF_SESSION(dw_list_institutions, g->page_request, TO(0, page))
OF_INSTITUTION(dw_list_keys, g->key_query, g->page_request, TO(0, page))
OF_INSTITUTION(dw_list_policies, g->page_request, TO(0, page))
OF_INSTITUTION(dw_policy_history, g->region, g->page_request, TO(0, page))
OF_SESSION(dw_list_audit_events, g->audit_query, g->page_request, TO(0, page))

#define CALL(export, when_closed, ...) {#export, make_##export, {__VA_ARGS__}, when_closed}

const struct call CALLS[] = {
    CALL(dw_open, GOES_ON, &OPTIONS_GIVEN, &TO_DOOR, &TO_ERROR),
    CALL(dw_open_env, GOES_ON, &BESIDE_ENVIRONMENT, &TO_DOOR, &TO_ERROR),
    CALL(dw_close, GOES_ON, &DOOR, &DEADLINE, &TO_ERROR),
    CALL(dw_health, GOES_ON, &DOOR, &TO_REACHABLE, &TO_JSON_BESIDE, &TO_ERROR),
    CALL(dw_metrics_text, GOES_ON, &DOOR, &TO_TEXT, &TO_ERROR),
    CALL(dw_metrics_json, GOES_ON, &DOOR, &TO_JSON, &TO_ERROR),
    CALL(dw_authenticate, SAYS_CLOSED, &DOOR, &PRESENTED, &REQUESTED, &TO_CONTEXT, &TO_ERROR),
    CALL(dw_find_by_token, SAYS_CLOSED, &DOOR, &TOKEN_TEXT, &TO_KEY, &TO_ERROR),
    CALL(dw_verify, SAYS_CLOSED, &DOOR, &PRESENTED, &REQUESTED, &TO_VERDICT, &TO_CONTEXT_BESIDE),
    CALL(dw_rate_limit, GOES_ON, &DOOR, &CONTEXT, &TO_STATUS, &TO_ERROR),
    CALL(dw_lookup_start, GOES_ON, &DOOR, &PRESENTED, &REQUESTED, &TELL, &HANDED_ON, &TO_ERROR),
    CALL(dw_session_new, GOES_ON, &DOOR, &CONTEXT, &REQUESTED, &TO_SESSION, &TO_ERROR),
    CALL(dw_session_system, GOES_ON, &DOOR, &TO_SESSION, &TO_ERROR),
    CALL(dw_admit, SAYS_CLOSED, &DOOR, &PRESENTED, &REQUESTED, &OWN_INSTITUTION, &REGION, &ONE_POSITION, &TO_CONTEXT_BESIDE, &TO_DECISION, &TO_ERROR),
    CALL(dw_log_to, GOES_ON, &LOGGED_TO, &TO_ERROR),
    CALL(dw_hash_token, GOES_ON, &TOKEN_TEXT, &TO_HASH, &TO_ERROR),
    CALL(dw_create_institution, SAYS_CLOSED, &SESSION, &INSTITUTION, &TO_INSTITUTION, &TO_ERROR),
    CALL(dw_get_institution, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &TO_INSTITUTION, &TO_ERROR),
    CALL(dw_update_institution, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &CHANGE, &TO_INSTITUTION, &TO_ERROR),
    CALL(dw_create_key, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &KEY, &TO_CREATED, &TO_ERROR),
    CALL(dw_create_keys, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &KEYS, &KEYS_LEN, &TO_CREATED_KEYS, &TO_ERROR),
    CALL(dw_import_keys, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &IMPORTED_KEYS, &KEYS_LEN, &DRY_RUN, &TO_REPORT, &TO_ERROR),
    CALL(dw_get_key, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &KEY_ID, &TO_KEY, &TO_ERROR),
    CALL(dw_update_key, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &KEY_ID, &KEY_CHANGE, &TO_KEY, &TO_ERROR),
    CALL(dw_rotate_key, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &KEY_ID, &GRACE, &TO_CREATED, &TO_ERROR),
    CALL(dw_enable_key, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &KEY_ID, &TO_KEY, &TO_ERROR),
    CALL(dw_disable_key, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &KEY_ID, &TO_KEY, &TO_ERROR),
    CALL(dw_revoke_key, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &KEY_ID, &TO_KEY, &TO_ERROR),
    CALL(dw_revoke_all_keys, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &TO_COUNT, &TO_ERROR),
    CALL(dw_upsert_policy, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &REGION, &CONFIG, &VERSION, &TO_POLICY, &TO_ERROR),
    CALL(dw_merge_policy, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &REGION, &POLICY_PATCH, &VERSION, &TO_POLICY, &TO_ERROR),
    CALL(dw_get_policy, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &REGION, &TO_POLICY, &TO_ERROR),
    CALL(dw_delete_policy, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &REGION, &VERSION, &TO_POLICY, &TO_ERROR),
    CALL(dw_check_position, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &REGION, &ONE_POSITION, &TO_DECISION, &TO_ERROR),
    CALL(dw_check_positions, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &REGION, &POSITIONS, &POSITIONS_LEN, &TO_DECISIONS, &TO_ERROR),
    CALL(dw_dry_run, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &REGION, &CONFIG, &POSITIONS, &POSITIONS_LEN, &TO_DECISIONS, &TO_ERROR),
    CALL(dw_list_institutions, SAYS_CLOSED, &SESSION, &WHICH_PAGE, &TO_PAGE, &TO_ERROR),
    CALL(dw_list_keys, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &WHICH_KEYS, &WHICH_PAGE, &TO_PAGE, &TO_ERROR),
    CALL(dw_list_policies, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &WHICH_PAGE, &TO_PAGE, &TO_ERROR),
    CALL(dw_policy_history, SAYS_CLOSED, &SESSION, &INSTITUTION_ID, &REGION, &WHICH_PAGE, &TO_PAGE, &TO_ERROR),
    CALL(dw_list_audit_events, SAYS_CLOSED, &SESSION, &WHICH_EVENTS, &WHICH_PAGE, &TO_PAGE, &TO_ERROR),
};
const size_t CALLS_LEN = sizeof CALLS / sizeof *CALLS;
