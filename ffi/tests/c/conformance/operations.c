/* From the name of an operation to its call. A name that is not here breaks the scenario. */
#include "arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct outcome answered(json_t *answer) {
    struct outcome outcome = {answer, NULL, NULL};
    return outcome;
}

struct outcome refused(dw_error *error) {
    struct outcome outcome = {NULL, error, NULL};
    return outcome;
}

struct outcome broken(const char *format, ...) {
    struct outcome outcome = {NULL, NULL, NULL};
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&outcome.broken, format, arguments) < 0) abort();
    va_end(arguments);
    return outcome;
}

static json_t *json_of(dw_str text) {
    json_t *value = json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    return value ? value : json_stringn("(not JSON)", 10);
}

static json_t *string_of(dw_str text) { return text.data ? json_stringn_nocheck(text.data, text.len) : json_null(); }

/* What a call gave, with the function that frees it. The status and the error object have to agree. */
#define ANSWER(status, object, json, free)                                                                  \
    do {                                                                                                    \
        dw_status seen_ = (status);                                                                         \
        if (seen_ != dw_error_status(error)) return broken("status and error object do not agree");         \
        if (seen_ != DW_STATUS_OK && (object)) return broken("a failure left something in the out parameter"); \
        if (seen_ != DW_STATUS_OK) return refused(error);                                                   \
        json_t *answer_ = (json);                                                                           \
        free(object);                                                                                       \
        return answered(answer_);                                                                           \
    } while (0)

/* No operation may be called with arguments that were not understood, or are left over. */
#define FINISH()                                                                                            \
    do {                                                                                                    \
        if (arguments->broken) return broken("%s", arguments->broken);                                      \
        void *left_ = json_object_iter(arguments->left);                                                    \
        if (left_) return broken("an argument that this operation does not know: %s", json_object_iter_key(left_)); \
    } while (0)

static json_t *created(const dw_created_key *key) {
    return json_pack("{s:o, s:o}", "token", string_of(dw_created_key_token(key)), "record", json_of(dw_key_json(dw_created_key_record(key))));
}

static json_t *page_json(const dw_page *page) {
    json_t *items = json_array();
    for (size_t index = 0; index < dw_page_count(page); index++) json_array_append_new(items, json_of(dw_page_json_at(page, index)));
    return json_pack("{s:o, s:o}", "items", items, "next", string_of(dw_page_next(page)));
}

static json_t *decisions_json(const dw_decisions *decisions) {
    json_t *items = json_array();
    for (size_t index = 0; index < dw_decisions_count(decisions); index++)
        json_array_append_new(items, json_of(dw_decision_json(dw_decisions_at(decisions, index))));
    return items;
}

/* ---- the handle ---- */

dw_status open_door(struct world *world, const json_t *variables, int faulty, dw_error **error) {
    dw_setting settings[64];
    size_t len = 0;
    const char *key;
    json_t *value;
    char *database_url = NULL;
    json_t *all = json_object();
    json_object_set_new(all, "STORE_BACKEND", json_string(world->backend));
    if (!strcmp(world->backend, "sqlite")) {
        database_url = formatted("sqlite:%s/doorward.db", world->folder);
        json_object_set_new(all, "DATABASE_URL", json_string(database_url));
    } else if (!strcmp(world->backend, "postgres")) {
        json_object_set_new(all, "DATABASE_URL", json_string(world->database_url));
        json_object_set_new(all, "DOORWARD_SCHEMA", json_string(world->schema));
    }
    json_object_update(all, (json_t *)variables);
    json_object_foreach(all, key, value) {
        settings[len].name = dw_str_from(key);
        settings[len].value = dw_str_from(json_string_value(value));
        len++;
    }
    dw_options options = {0};
    options.struct_size = sizeof options;
    options.settings = settings;
    options.settings_len = len;
    dw_door_free(world->door);
    dw_test_faults_free(world->faults);
    world->faults = NULL;
    dw_status status = faulty ? dw_test_open_faulty(&options, &world->faults, &world->door, error) : dw_open(&options, &world->door, error);
    free(database_url);
    json_decref(all);
    return status;
}

static struct outcome open_operation(struct world *world, struct arguments *arguments) {
    json_t *variables = take(arguments, "variables");
    int stay = flag(arguments, "stay");
    FINISH();
    dw_error *error = NULL;
    if (stay) {
        json_t *none = json_object();
        dw_status status = open_door(world, variables ? variables : none, 0, &error);
        json_decref(none);
        return status == DW_STATUS_OK ? answered(json_null()) : refused(error);
    }
    dw_setting settings[64];
    size_t len = 0;
    const char *key;
    json_t *value;
    json_object_foreach(variables, key, value) {
        settings[len].name = dw_str_from(key);
        settings[len].value = dw_str_from(json_string_value(value));
        len++;
    }
    if (!json_object_get(variables, "STORE_BACKEND")) {
        settings[len].name = dw_str_from("STORE_BACKEND");
        settings[len++].value = dw_str_from("memory");
    }
    dw_options options = {0};
    options.struct_size = sizeof options;
    options.settings = settings;
    options.settings_len = len;
    dw_door *door;
    dw_status status = dw_open(&options, &door, &error);
    if (status == DW_STATUS_OK) status = dw_close(door, 10000, &error);
    dw_door_free(door);
    return status == DW_STATUS_OK ? answered(json_null()) : refused(error);
}

static struct outcome handle(struct world *world, const char *operation, struct arguments *arguments) {
    dw_error *error = NULL;
    if (!strcmp(operation, "open")) return open_operation(world, arguments);
    if (!strcmp(operation, "close")) {
        const uint64_t *deadline = number(arguments, "deadlineMs");
        FINISH();
        return dw_close(world->door, deadline ? *deadline : 10000, &error) == DW_STATUS_OK ? answered(json_null()) : refused(error);
    }
    if (!strcmp(operation, "health")) {
        FINISH();
        dw_text *json;
        bool reachable;
        dw_status status = dw_health(world->door, &reachable, &json, &error);
        json_t *seen = json_of(dw_text_str(json));
        int same = json_is_true(json_object_get(seen, "reachable")) == reachable;
        json_decref(seen);
        if (!same) return broken("reachable is not what the JSON says");
        ANSWER(status, json, json_of(dw_text_str(json)), dw_text_free);
    }
    if (!strcmp(operation, "metrics")) {
        FINISH();
        dw_text *json;
        ANSWER(dw_metrics_json(world->door, &json, &error), json, json_of(dw_text_str(json)), dw_text_free);
    }
    if (!strcmp(operation, "fault")) {
        dw_str kind = text(arguments, "kind");
        FINISH();
        return dw_test_fault(world->faults, kind, &error) == DW_STATUS_OK ? answered(json_null()) : refused(error);
    }
    if (!strcmp(operation, "wait")) {
        const uint64_t *millis = number(arguments, "ms");
        FINISH();
        if (!millis) return broken("ms is missing");
        struct timespec time = {(time_t)(*millis / 1000), (long)(*millis % 1000) * 1000000};
        nanosleep(&time, NULL);
        return answered(json_null());
    }
    if (!strcmp(operation, "write_file") || !strcmp(operation, "make_folder")) {
        dw_str name = text(arguments, "name"), content = text(arguments, "text");
        FINISH();
        char *path = formatted("%s/%.*s", world->folder, (int)name.len, name.data);
        int failed;
        if (content.data) {
            FILE *file = fopen(path, "w");
            failed = !file || fwrite(content.data, 1, content.len, file) != content.len || fclose(file);
        } else {
            failed = mkdir(path, 0700);
        }
        free(path);
        return failed ? broken("cannot write to the scenario's folder") : answered(json_null());
    }
    return broken("no such operation: %s", operation);
}

/* ---- who the caller is ---- */

static const dw_context *context_of(const struct world *world, const char *name) {
    for (size_t index = world->contexts_len; index-- > 0;)
        if (!strcmp(world->contexts[index].name, name)) return world->contexts[index].context;
    return NULL;
}

/* Keeps a context under a name, or frees it. */
static void keep(struct world *world, const char *save, dw_context *context) {
    if (!save || !context) {
        dw_context_free(context);
        return;
    }
    if (world->contexts_len == MOST_SAVED) abort();
    world->contexts[world->contexts_len].name = formatted("%s", save);
    world->contexts[world->contexts_len++].context = context;
}

/* The verdict says of the caller what the context does. */
static int agree(const dw_verdict *verdict, const dw_context *context) {
    dw_str institution = dw_context_institution_id(context), key = dw_context_key_id(context);
    return verdict->role == dw_context_role(context) && verdict->institution_id.len == institution.len && verdict->key_id.len == key.len &&
           (!key.len || !memcmp(verdict->key_id.text, key.data, key.len)) &&
           (!institution.len || !memcmp(verdict->institution_id.text, institution.data, institution.len)) &&
           verdict->institution_id.text[institution.len] == 0 && verdict->key_id.text[key.len] == 0;
}

static const char *const KINDS[] = {"", "Validation", "Unauthenticated", "Forbidden", "NotFound", "Conflict", "RateLimited", "Database", "Unavailable", "Config", "Closed", "Internal"};

static struct outcome access_operation(struct world *world, const char *operation, struct arguments *arguments, const char *save) {
    dw_error *error = NULL;
    if (!strcmp(operation, "find_by_token")) {
        dw_str token = text(arguments, "token");
        FINISH();
        dw_key *key;
        ANSWER(dw_find_by_token(world->door, token, &key, &error), key, key ? json_of(dw_key_json(key)) : json_null(), dw_key_free);
    }
    if (!strcmp(operation, "session")) {
        dw_str name = text(arguments, "context");
        dw_request made = request(arguments);
        FINISH();
        char *named = formatted("%.*s", (int)name.len, name.data);
        const dw_context *context = context_of(world, named);
        free(named);
        if (!context || !save) return broken("a session needs a context that was saved, and must be saved");
        if (world->sessions_len == MOST_SAVED) abort();
        dw_session *session;
        if (dw_session_new(world->door, context, &made, &session, &error) != DW_STATUS_OK) return refused(error);
        world->sessions[world->sessions_len].name = formatted("%s", save);
        world->sessions[world->sessions_len++].session = session;
        return answered(json_of(dw_context_json(context)));
    }
    if (!strcmp(operation, "rate_limit")) {
        dw_str name = text(arguments, "context");
        FINISH();
        char *named = formatted("%.*s", (int)name.len, name.data);
        const dw_context *context = context_of(world, named);
        free(named);
        if (!context) return broken("no context was saved under this name");
        dw_rate_limit_status *left;
        ANSWER(dw_rate_limit(world->door, context, &left, &error), left, left ? json_of(dw_rate_limit_status_json(left)) : json_null(), dw_rate_limit_status_free);
    }
    dw_credentials presented = credentials(arguments);
    dw_request made = request(arguments);
    dw_context *context;
    if (!strcmp(operation, "authenticate")) {
        FINISH();
        if (dw_authenticate(world->door, &presented, &made, &context, &error) != DW_STATUS_OK) return refused(error);
        json_t *answer = json_of(dw_context_json(context));
        keep(world, save, context);
        return answered(answer);
    }
    if (!strcmp(operation, "verify")) {
        FINISH();
        dw_verdict verdict;
        dw_status status = dw_verify(world->door, &presented, &made, &verdict, &context);
        if (status != verdict.status) return broken("status and verdict do not agree");
        if (status == DW_STATUS_OK) {
            if (!agree(&verdict, context) || verdict.reason.data) return broken("verdict and context do not agree");
            json_t *answer = json_pack("{s:b, s:o}", "granted", 1, "context", json_of(dw_context_json(context)));
            keep(world, save, context);
            return answered(answer);
        }
        if (context || verdict.role != DW_ROLE_NONE || verdict.key_id.len || verdict.institution_id.len) return broken("a refusal names somebody");
        if (status != DW_STATUS_RATE_LIMITED && verdict.retry_after_ms) return broken("a refusal for something else says when to come again");
        json_t *answer = json_pack("{s:b, s:s, s:o}", "granted", 0, "kind", KINDS[status], "reason", string_of(verdict.reason));
        if (status == DW_STATUS_RATE_LIMITED) json_object_set_new(answer, "retryAfterMs", json_integer(verdict.retry_after_ms));
        return answered(answer);
    }
    if (!strcmp(operation, "admit")) {
        dw_str institution = text(arguments, "institutionId"), region = text(arguments, "region");
        dw_position asked = position(arguments, take(arguments, "position"));
        FINISH();
        dw_decision *decision;
        dw_status status = dw_admit(world->door, &presented, &made, institution, region, asked, &context, &decision, &error);
        if (status != DW_STATUS_OK) return context || decision ? broken("a failure left something in an out parameter") : refused(error);
        json_t *answer = json_pack("{s:o, s:o}", "context", json_of(dw_context_json(context)), "decision", json_of(dw_decision_json(decision)));
        dw_decision_free(decision);
        keep(world, save, context);
        return answered(answer);
    }
    return broken("no such operation: %s", operation);
}

/* ---- what a session does ---- */

static struct outcome institutions(const dw_session *session, const char *operation, struct arguments *arguments) {
    dw_error *error = NULL;
    dw_institution *institution;
    dw_page *page;
    if (!strcmp(operation, "create_institution")) {
        dw_new_institution made = {0};
        made.struct_size = sizeof made;
        made.id = text(arguments, "id");
        made.name = text(arguments, "name");
        made.regions = texts(arguments, "regions");
        FINISH();
        ANSWER(dw_create_institution(session, &made, &institution, &error), institution, json_of(dw_institution_json(institution)), dw_institution_free);
    }
    if (!strcmp(operation, "list_institutions")) {
        dw_page_request *asked = page_request(arguments);
        FINISH();
        ANSWER(dw_list_institutions(session, asked, &page, &error), page, page_json(page), dw_page_free);
    }
    if (!strcmp(operation, "list_audit_events")) {
        dw_audit_query query = {0};
        query.struct_size = sizeof query;
        query.institution_id = text(arguments, "institutionId");
        query.actor = text(arguments, "actor");
        query.action = text(arguments, "action");
        query.since = text(arguments, "since");
        query.until = text(arguments, "until");
        dw_page_request *asked = page_request(arguments);
        FINISH();
        ANSWER(dw_list_audit_events(session, &query, asked, &page, &error), page, page_json(page), dw_page_free);
    }
    dw_str id = text(arguments, "institutionId");
    if (!strcmp(operation, "get_institution")) {
        FINISH();
        ANSWER(dw_get_institution(session, id, &institution, &error), institution, json_of(dw_institution_json(institution)), dw_institution_free);
    }
    if (!strcmp(operation, "update_institution")) {
        dw_institution_patch patch = {0};
        patch.struct_size = sizeof patch;
        patch.name = text(arguments, "name");
        patch.regions = texts(arguments, "regions");
        FINISH();
        ANSWER(dw_update_institution(session, id, &patch, &institution, &error), institution, json_of(dw_institution_json(institution)), dw_institution_free);
    }
    return broken("no such operation: %s", operation);
}

static struct outcome keys(const dw_session *session, const char *operation, struct arguments *arguments) {
    dw_error *error = NULL;
    dw_key *key;
    dw_created_key *made;
    dw_str institution = text(arguments, "institutionId");
    if (!strcmp(operation, "create_key")) {
        dw_new_key asked = new_key(arguments, NULL);
        FINISH();
        ANSWER(dw_create_key(session, institution, &asked, &made, &error), made, created(made), dw_created_key_free);
    }
    if (!strcmp(operation, "create_keys")) {
        size_t len;
        dw_new_key *asked = new_keys(arguments, &len);
        FINISH();
        dw_created_keys *all;
        dw_status status = dw_create_keys(session, institution, asked, len, &all, &error);
        json_t *answer = json_array();
        for (size_t index = 0; index < dw_created_keys_count(all); index++) json_array_append_new(answer, created(dw_created_keys_at(all, index)));
        if (status != DW_STATUS_OK) json_decref(answer);
        ANSWER(status, all, answer, dw_created_keys_free);
    }
    if (!strcmp(operation, "import_keys")) {
        size_t len;
        dw_new_key *asked = new_keys(arguments, &len);
        int dry_run = flag(arguments, "dryRun");
        FINISH();
        dw_import_report *report;
        ANSWER(dw_import_keys(session, institution, asked, len, dry_run, &report, &error), report, json_of(dw_import_report_json(report)), dw_import_report_free);
    }
    if (!strcmp(operation, "list_keys")) {
        dw_key_query query = {0};
        query.struct_size = sizeof query;
        query.role = role(arguments);
        query.include_revoked = (uint64_t)flag(arguments, "includeRevoked");
        static const char *const statuses[] = {"", "active", "disabled", "expired", "revoked"};
        dw_str status = text(arguments, "status");
        for (int number = 1; number < 5; number++)
            if (status.data && !strcmp(status.data, statuses[number])) query.status = number;
        if (status.data && !query.status) query.status = 99;
        dw_page_request *asked = page_request(arguments);
        FINISH();
        dw_page *page;
        ANSWER(dw_list_keys(session, institution, &query, asked, &page, &error), page, page_json(page), dw_page_free);
    }
    if (!strcmp(operation, "revoke_all_keys")) {
        FINISH();
        uint64_t count;
        if (dw_revoke_all_keys(session, institution, &count, &error) != DW_STATUS_OK) return count ? broken("a failure left a count") : refused(error);
        return answered(json_integer((json_int_t)count));
    }
    dw_str id = text(arguments, "keyId");
    if (!strcmp(operation, "update_key")) {
        dw_key_patch patch = {0};
        patch.struct_size = sizeof patch;
        patch.label = text(arguments, "label");
        patch.removes_expiry = json_is_null(json_object_get(arguments->left, "expiresAt"));
        patch.expires_at = text(arguments, "expiresAt");
        patch.allowed_addresses = texts(arguments, "allowedAddresses");
        patch.metadata = json_text(arguments, "metadata");
        patch.removes_rate_limit = json_is_null(json_object_get(arguments->left, "rateLimit"));
        patch.rate_limit = rate_limit(arguments);
        patch.expected_version = number(arguments, "expectedVersion");
        FINISH();
        ANSWER(dw_update_key(session, institution, id, &patch, &key, &error), key, json_of(dw_key_json(key)), dw_key_free);
    }
    if (!strcmp(operation, "rotate_key")) {
        const uint64_t *grace = number(arguments, "graceMs");
        FINISH();
        ANSWER(dw_rotate_key(session, institution, id, grace ? *grace : 0, &made, &error), made, created(made), dw_created_key_free);
    }
    FINISH();
    if (!strcmp(operation, "get_key")) ANSWER(dw_get_key(session, institution, id, &key, &error), key, json_of(dw_key_json(key)), dw_key_free);
    if (!strcmp(operation, "enable_key")) ANSWER(dw_enable_key(session, institution, id, &key, &error), key, json_of(dw_key_json(key)), dw_key_free);
    if (!strcmp(operation, "disable_key")) ANSWER(dw_disable_key(session, institution, id, &key, &error), key, json_of(dw_key_json(key)), dw_key_free);
    if (!strcmp(operation, "revoke_key")) ANSWER(dw_revoke_key(session, institution, id, &key, &error), key, json_of(dw_key_json(key)), dw_key_free);
    return broken("no such operation: %s", operation);
}

static struct outcome policies(const dw_session *session, const char *operation, struct arguments *arguments) {
    dw_error *error = NULL;
    dw_policy *policy;
    dw_page *page;
    dw_decisions *decisions;
    size_t len;
    dw_str institution = text(arguments, "institutionId");
    if (!strcmp(operation, "list_policies")) {
        dw_page_request *asked = page_request(arguments);
        FINISH();
        ANSWER(dw_list_policies(session, institution, asked, &page, &error), page, page_json(page), dw_page_free);
    }
    dw_str region = text(arguments, "region");
    if (!strcmp(operation, "upsert_policy")) {
        dw_str config = json_text(arguments, "config");
        const uint64_t *version = number(arguments, "expectedVersion");
        FINISH();
        ANSWER(dw_upsert_policy(session, institution, region, config, version, &policy, &error), policy, json_of(dw_policy_json(policy)), dw_policy_free);
    }
    if (!strcmp(operation, "merge_policy")) {
        dw_str patch = json_text(arguments, "patch");
        const uint64_t *version = number(arguments, "expectedVersion");
        FINISH();
        ANSWER(dw_merge_policy(session, institution, region, patch, version, &policy, &error), policy, json_of(dw_policy_json(policy)), dw_policy_free);
    }
    if (!strcmp(operation, "get_policy")) {
        FINISH();
        ANSWER(dw_get_policy(session, institution, region, &policy, &error), policy, json_of(dw_policy_json(policy)), dw_policy_free);
    }
    if (!strcmp(operation, "delete_policy")) {
        const uint64_t *version = number(arguments, "expectedVersion");
        FINISH();
        ANSWER(dw_delete_policy(session, institution, region, version, &policy, &error), policy, json_of(dw_policy_json(policy)), dw_policy_free);
    }
    if (!strcmp(operation, "policy_history")) {
        dw_page_request *asked = page_request(arguments);
        FINISH();
        ANSWER(dw_policy_history(session, institution, region, asked, &page, &error), page, page_json(page), dw_page_free);
    }
    if (!strcmp(operation, "check_position")) {
        dw_position asked = position(arguments, take(arguments, "position"));
        FINISH();
        dw_decision *decision;
        ANSWER(dw_check_position(session, institution, region, asked, &decision, &error), decision, json_of(dw_decision_json(decision)), dw_decision_free);
    }
    if (!strcmp(operation, "check_positions")) {
        dw_position *asked = positions(arguments, &len);
        FINISH();
        ANSWER(dw_check_positions(session, institution, region, asked, len, &decisions, &error), decisions, decisions_json(decisions), dw_decisions_free);
    }
    if (!strcmp(operation, "dry_run")) {
        dw_str config = json_text(arguments, "config");
        dw_position *asked = positions(arguments, &len);
        FINISH();
        ANSWER(dw_dry_run(session, institution, region, config, asked, len, &decisions, &error), decisions, decisions_json(decisions), dw_decisions_free);
    }
    return broken("no such operation: %s", operation);
}

/* ---- from the name to the call ---- */

static int is_one_of(const char *operation, const char *const *names) {
    for (; *names; names++)
        if (!strcmp(operation, *names)) return 1;
    return 0;
}

/* On whose behalf a step acts; to be freed. */
static dw_status session_of(struct world *world, const char *as, dw_session **session, dw_error **error) {
    dw_context *root = NULL;
    const dw_context *context = context_of(world, as);
    if (!strcmp(as, "system")) return dw_session_system(world->door, session, error);
    if (!context && !strcmp(as, "root")) {
        dw_credentials presented = {0};
        presented.struct_size = sizeof presented;
        presented.token = dw_str_from(json_string_value(json_object_get(world->config, "ROOT_API_KEY")));
        dw_status status = dw_authenticate(world->door, &presented, NULL, &root, error);
        if (status != DW_STATUS_OK) return status;
        context = root;
    }
    dw_status status = dw_session_new(world->door, context, NULL, session, error);
    dw_context_free(root);
    return status;
}

static struct outcome dispatch(struct world *world, const char *operation, const char *as, struct arguments *arguments, const char *save) {
    static const char *const HANDLE[] = {"open", "close", "health", "metrics", "fault", "wait", "write_file", "make_folder", NULL};
    static const char *const ACCESS[] = {"authenticate", "verify", "admit", "session", "rate_limit", "find_by_token", NULL};
    static const char *const INSTITUTIONS[] = {"create_institution", "get_institution", "list_institutions", "update_institution", "list_audit_events", NULL};
    static const char *const KEYS[] = {"create_key", "create_keys", "import_keys", "get_key", "list_keys", "update_key", "rotate_key", "enable_key", "disable_key", "revoke_key", "revoke_all_keys", NULL};
    if (is_one_of(operation, HANDLE) || is_one_of(operation, ACCESS)) {
        if (strcmp(as, "system")) return broken("%s is called by the system alone", operation);
        return is_one_of(operation, HANDLE) ? handle(world, operation, arguments) : access_operation(world, operation, arguments, save);
    }
    const dw_session *session = NULL;
    dw_session *own = NULL;
    dw_error *error = NULL;
    for (size_t index = world->sessions_len; !session && index-- > 0;)
        if (!strcmp(world->sessions[index].name, as)) session = world->sessions[index].session;
    if (!session) {
        if (session_of(world, as, &own, &error) != DW_STATUS_OK) return refused(error);
        session = own;
    }
    struct outcome outcome = is_one_of(operation, INSTITUTIONS) ? institutions(session, operation, arguments)
                             : is_one_of(operation, KEYS)       ? keys(session, operation, arguments)
                                                                : policies(session, operation, arguments);
    dw_session_free(own);
    return outcome;
}

struct outcome call(struct world *world, const char *operation, const char *as, json_t *given, const char *save) {
    struct arguments arguments = {0};
    arguments.left = json_copy(given);
    struct outcome outcome = dispatch(world, operation, as, &arguments, save);
    free(arguments.broken);
    release(&arguments);
    return outcome;
}
