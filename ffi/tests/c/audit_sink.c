/* audit_sink SETTING=VALUE...: the audit sink on the store of these settings: what comes, on which thread, and who lets go of `user`. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

/* An institution of each case's own: a store in memory begins anew with each door, others go on. */
static char acme[129];

struct sink {
    const dw_door *door;
    const dw_session *session;
    pthread_mutex_t stop;
    atomic_int events, freed, reentered;
    char actions[16][32];
    char last_json[2048];
    char institution_id[129], error[64], outcome[32];
};

static void copy(char *place, size_t size, dw_str text) {
    CHECK(text.len < size);
    snprintf(place, size, "%.*s", (int)text.len, text.data ? text.data : "");
}

static void take(void *user, const dw_audit_event *event) {
    struct sink *sink = user;
    char name[16];
    CHECK(!pthread_getname_np(pthread_self(), name, sizeof name) && !strncmp(name, "doorward-audit-", 15));
    pthread_mutex_lock(&sink->stop);
    pthread_mutex_unlock(&sink->stop);
    CHECK(event->id.len && event->occurred_at.len == 24 && event->actor.len && event->json.data[0] == '{');
    copy(sink->actions[sink->events % 16], 32, event->action);
    copy(sink->last_json, sizeof sink->last_json, event->json);
    copy(sink->institution_id, sizeof sink->institution_id, event->institution_id);
    copy(sink->error, sizeof sink->error, event->error);
    copy(sink->outcome, sizeof sink->outcome, event->outcome);
    sink->events++;
    if (sink->session && is(event->action, "upsert_policy") && !sink->reentered++) {
        /* The library may be called from here, but the door not be closed. */
        dw_page *page;
        dw_policy *policy;
        dw_error *error;
        CHECK(dw_list_audit_events(sink->session, NULL, NULL, &page, NULL) == DW_STATUS_OK && dw_page_count(page) > 0);
        dw_page_free(page);
        CHECK(dw_delete_policy(sink->session, dw_str_from(acme), dw_str_from("US"), NULL, &policy, NULL) == DW_STATUS_OK);
        dw_policy_free(policy);
        failed_as(dw_close(sink->door, 60000, &error), &error, DW_STATUS_INTERNAL, "would_deadlock", "");
    }
}

static void let_go(void *user) {
    ((struct sink *)user)->freed++;
}

static struct sink fresh(void) {
    struct sink sink = {0};
    pthread_mutex_init(&sink.stop, NULL);
    return sink;
}

static void wait_for(atomic_int *number, int reached) {
    for (int n = 0; *number < reached; n++) {
        CHECK(n < 60000);
        usleep(1000);
    }
}

static dw_options options;
static dw_setting settings[8];
static dw_audit_sink given;

static dw_door *door_with(struct sink *sink) {
    dw_door *door;
    given = (dw_audit_sink){sizeof given, take, sink, let_go};
    options.audit_sink = &given;
    CHECK(dw_open(&options, &door, NULL) == DW_STATUS_OK);
    return door;
}

static dw_session *session_of(const dw_door *door) {
    dw_session *session = system_session(door);
    dw_new_institution new = {0};
    dw_institution *institution;
    new.struct_size = sizeof new;
    new.name = dw_str_from("Acme Bank");
    CHECK(dw_create_institution(session, &new, &institution, NULL) == DW_STATUS_OK);
    copy(acme, sizeof acme, dw_institution_id(institution));
    dw_institution_free(institution);
    return session;
}

static void upsert(const dw_session *session) {
    dw_policy *policy;
    dw_str config = dw_str_from("{\"position\":{\"maxAmount\":5000}}");
    CHECK(dw_upsert_policy(session, dw_str_from(acme), dw_str_from("US"), config, NULL, &policy, NULL) == DW_STATUS_OK);
    dw_policy_free(policy);
}

static void events_come_in_order_and_user_is_let_go_of_by_close(void) {
    struct sink sink = fresh();
    dw_door *door = door_with(&sink);
    dw_session *session = session_of(door);
    dw_new_key new = {0};
    dw_created_key *created;
    dw_verdict verdict;
    dw_key *key;
    dw_error *error;
    sink.door = door, sink.session = session;
    new.struct_size = sizeof new;
    new.label = dw_str_from("ci");
    new.role = DW_ROLE_ADMIN;
    CHECK(dw_create_key(session, dw_str_from(acme), &new, &created, NULL) == DW_STATUS_OK);
    dw_str id = dw_key_id(dw_created_key_record(created));
    /* What fails is no event. */
    failed_as(dw_get_key(session, dw_str_from(acme), dw_str_from("ak_nobodys"), &key, &error), &error, DW_STATUS_NOT_FOUND, "key_not_found", "key_id");
    failed_as(dw_revoke_key(session, dw_str_from(acme), dw_str_from("ak_nobodys"), &key, &error), &error, DW_STATUS_NOT_FOUND, "key_not_found", "key_id");
    upsert(session);
    wait_for(&sink.events, 4);
    CHECK(dw_revoke_key(session, dw_str_from(acme), id, &key, NULL) == DW_STATUS_OK);
    dw_key_free(key);
    dw_credentials credentials = token(dw_created_key_token(created));
    CHECK(dw_verify(door, &credentials, NULL, &verdict, NULL) == DW_STATUS_UNAUTHENTICATED);
    CHECK(dw_close(door, 60000, NULL) == DW_STATUS_OK);
    CHECK(sink.freed == 1 && sink.events == 6 && sink.reentered == 1);
    const char *expected[] = {"create_institution", "create_key", "upsert_policy", "delete_policy", "revoke_key", "authenticate"};
    for (int n = 0; n < 6; n++) CHECK(!strcmp(sink.actions[n], expected[n]));
    CHECK(!strcmp(sink.institution_id, acme) && !strcmp(sink.error, "revoked") && !strcmp(sink.outcome, "refused"));
    CHECK(strstr(sink.last_json, "\"action\":\"authenticate\"") && strstr(sink.last_json, "\"count\":1") && !strchr(sink.last_json, '\n'));
    char secret[17] = "";
    memcpy(secret, dw_created_key_token(created).data + 16, 16);
    CHECK(!strstr(sink.last_json, secret));
    dw_created_key_free(created);
    dw_session_free(session);
    dw_door_free(door);
    CHECK(sink.freed == 1);
}

static void a_slow_sink_holds_up_close_until_its_deadline_alone(void) {
    struct sink sink = fresh();
    dw_door *door = door_with(&sink);
    dw_error *error;
    pthread_mutex_lock(&sink.stop);
    dw_session *session = session_of(door);
    upsert(session), upsert(session);
    failed_as(dw_close(door, 50, &error), &error, DW_STATUS_UNAVAILABLE, "unavailable", "");
    CHECK(!sink.events && !sink.freed);
    pthread_mutex_unlock(&sink.stop);
    CHECK(dw_close(door, 60000, NULL) == DW_STATUS_OK && sink.events == 3 && sink.freed == 1);
    dw_session_free(session);
    dw_door_free(door);
}

static void without_close_user_is_let_go_of_after_the_last_handle(void) {
    struct sink sink = fresh(), unused = fresh();
    dw_door *door = door_with(&sink);
    dw_session *session = session_of(door);
    dw_door_free(door);
    upsert(session);
    CHECK(!sink.freed);
    dw_session_free(session);
    wait_for(&sink.freed, 1);
    CHECK(sink.events == 2 && sink.freed == 1);
    dw_door_free(door_with(&unused));
    CHECK(unused.freed == 1 && !unused.events);
}

static void a_child_tells_its_own_events_and_lets_go_of_nothing(void) {
    struct sink sink = fresh();
    dw_door *door = door_with(&sink);
    dw_session *session = session_of(door);
    upsert(session);
    wait_for(&sink.events, 2);
    pid_t child = fork();
    if (!child) {
        alarm(30);
        upsert(session), upsert(session);
        CHECK(dw_close(door, 60000, NULL) == DW_STATUS_OK);
        CHECK(sink.events == 4);
        dw_session_free(session);
        dw_door_free(door);
        CHECK(!sink.freed);
        /* Not by exit: what threads of the parent own is lost in the child, on purpose, and valgrind would count it. */
        execlp("true", "true", (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status));
    upsert(session);
    CHECK(dw_close(door, 60000, NULL) == DW_STATUS_OK && sink.events == 3 && sink.freed == 1);
    dw_session_free(session);
    dw_door_free(door);
}

static void user_stays_the_callers_where_no_door_is_opened(void) {
    struct sink sink = fresh();
    dw_door *door;
    dw_error *error;
    given = (dw_audit_sink){sizeof given, NULL, &sink, let_go};
    options.audit_sink = &given;
    failed_as(dw_open(&options, &door, &error), &error, DW_STATUS_VALIDATION, "required", "audit_sink.event");
    given.event = take;
    given.struct_size = 8;
    failed_as(dw_open(&options, &door, &error), &error, DW_STATUS_VALIDATION, "out_of_range", "audit_sink.struct_size");
    given.struct_size = sizeof given;
    failed_as(dw_open(&options, NULL, &error), &error, DW_STATUS_VALIDATION, "required", "door");
    dw_setting nowhere[] = {{dw_str_from("STORE_BACKEND"), dw_str_from("sqlite")}, {dw_str_from("DATABASE_URL"), dw_str_from("sqlite:/nowhere/at/all.db")}};
    dw_options failing = options;
    failing.settings = nowhere, failing.settings_len = 2;
    CHECK(dw_open(&failing, &door, NULL) != DW_STATUS_OK && !door);
    CHECK(!sink.freed);
    /* Nothing to let go of is fine, and so is an older program's struct. */
    given.user_free = NULL;
    dw_door_free(door_with(&sink));
    options.struct_size = offsetof(dw_options, audit_sink);
    CHECK(dw_open(&options, &door, NULL) == DW_STATUS_OK);
    dw_door_free(door);
    options.struct_size = sizeof options;
}

int main(int argc, char **argv) {
    set_all(&options, settings, argc - 1, argv + 1);
    events_come_in_order_and_user_is_let_go_of_by_close();
    a_slow_sink_holds_up_close_until_its_deadline_alone();
    without_close_user_is_let_go_of_after_the_last_handle();
    a_child_tells_its_own_events_and_lets_go_of_nothing();
    user_stays_the_callers_where_no_door_is_opened();
    return 0;
}
