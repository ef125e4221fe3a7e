/*
 * threads CALLS: 8 threads share one door for so many calls of every kind, while another creates and revokes keys and changes a
 * policy. The answers are checked: what was revoked before a call began lets nobody in, what was not begun to be revoked when it
 * ended lets everybody in, and a decision is that of a version that was there meanwhile.
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 8 };

static dw_door *door;
static dw_session *session;
static dw_str acme, us, dollar;
static dw_created_key *steady; /* never revoked */
static atomic_int ended;
static long calls;

/* The key that is created and revoked. Its number, and of which number revoking has begun and has ended. */
static struct {
    pthread_mutex_t lock;
    char token[64];
    size_t len;
    long number;
} newest = {.lock = PTHREAD_MUTEX_INITIALIZER};
static atomic_long revoking, revoked;
/* The policy allows 10 in its odd versions, 20 in its even ones. Which version is being written, and which is written. */
static atomic_ulong writing, written;
static atomic_long let_in, refused;

/* What a thread has for itself. */
struct user {
    char name[32];
    dw_str id;
    unsigned long turns;
};

static dw_position of(const char *amount) { return (dw_position){dw_str_from(amount), dollar}; }

static dw_credentials good(void) { return token(dw_created_key_token(steady)); }

static void is_steady(const dw_verdict *verdict) {
    CHECK(verdict->status == DW_STATUS_OK && verdict->role == DW_ROLE_ADMIN && !strcmp(verdict->institution_id.text, "acme"));
    CHECK(is(dw_key_id(dw_created_key_record(steady)), verdict->key_id.text) && !verdict->reason.data);
}

/* The decision about 10 (always allowed), 15 (by even versions) or 25 (never) is that of its version. */
static void is_right(const dw_decision *decision, int amount, unsigned long before) {
    unsigned long version = dw_decision_policy_version(decision), after = atomic_load(&writing);
    CHECK(dw_decision_policy(decision) == DW_POLICY_SOURCE_FOUND && before <= version && version <= after);
    int most = version % 2 ? 10 : 20;
    CHECK(dw_decision_allowed(decision) == (amount <= most));
    if (amount > most) CHECK(is(dw_decision_violation(decision, 0).limit, most == 10 ? "10" : "20") && is(dw_decision_violation(decision, 0).code, "above_max"));
}

/* ---- kinds of calls ---- */

static void verify(struct user *user) {
    dw_verdict verdict;
    dw_context *context = NULL;
    dw_credentials credentials = good();
    CHECK(dw_verify(door, &credentials, NULL, &verdict, user->turns % 2 ? &context : NULL) == DW_STATUS_OK);
    is_steady(&verdict);
    dw_context_free(context);
}

static void verify_the_newest(struct user *user) {
    (void)user;
    char copy[64];
    pthread_mutex_lock(&newest.lock);
    size_t len = newest.len;
    long number = newest.number;
    memcpy(copy, newest.token, len);
    pthread_mutex_unlock(&newest.lock);
    if (!len) return;
    dw_verdict verdict;
    dw_context *context;
    dw_credentials credentials = token((dw_str){copy, len});
    long before = atomic_load(&revoked);
    dw_status status = dw_verify(door, &credentials, NULL, &verdict, &context);
    long after = atomic_load(&revoking);
    if (status == DW_STATUS_OK) {
        CHECK(before < number && context && verdict.role == DW_ROLE_ADMIN);
        atomic_fetch_add(&let_in, 1);
    } else {
        CHECK(after >= number && status == DW_STATUS_UNAUTHENTICATED && is(verdict.reason, "revoked") && !context && verdict.role == DW_ROLE_NONE);
        atomic_fetch_add(&refused, 1);
    }
    dw_context_free(context);
}

static void refuse(struct user *user) {
    (void)user;
    dw_verdict verdict;
    dw_context *context;
    dw_error *error;
    dw_credentials nobody = token(dw_str_from("ak_nobodys"));
    CHECK(dw_verify(door, &nobody, NULL, &verdict, NULL) == DW_STATUS_UNAUTHENTICATED && is(verdict.reason, "unknown"));
    failed_as(dw_authenticate(door, &nobody, NULL, &context, &error), &error, DW_STATUS_UNAUTHENTICATED, "unknown", "");
    CHECK(!context);
}

static void check_as_caller(struct user *user) {
    dw_context *context;
    dw_session *own;
    dw_decision *decision;
    dw_error *error;
    dw_page *page;
    dw_credentials credentials = good();
    CHECK(dw_authenticate(door, &credentials, NULL, &context, NULL) == DW_STATUS_OK && is(dw_context_institution_id(context), "acme"));
    CHECK(dw_session_new(door, context, NULL, &own, NULL) == DW_STATUS_OK);
    int amount = user->turns % 3 == 0 ? 10 : user->turns % 3 == 1 ? 15 : 25;
    unsigned long before = atomic_load(&written);
    CHECK(dw_check_position(own, acme, us, of(amount == 10 ? "10" : amount == 15 ? "15" : "25"), &decision, NULL) == DW_STATUS_OK);
    is_right(decision, amount, before);
    failed_as(dw_list_institutions(own, NULL, &page, &error), &error, DW_STATUS_FORBIDDEN, "role_not_allowed", "");
    CHECK(!page);
    dw_context_free(context), dw_session_free(own), dw_decision_free(decision);
}

static void check_several(struct user *user) {
    (void)user;
    dw_position asked[] = {of("10"), of("15"), of("25")};
    dw_decisions *decisions;
    unsigned long before = atomic_load(&written);
    CHECK(dw_check_positions(session, acme, us, asked, 3, &decisions, NULL) == DW_STATUS_OK && dw_decisions_count(decisions) == 3);
    for (size_t index = 0; index < 3; index++) {
        is_right(dw_decisions_at(decisions, index), index == 0 ? 10 : index == 1 ? 15 : 25, before);
        CHECK(dw_decision_policy_version(dw_decisions_at(decisions, index)) == dw_decision_policy_version(dw_decisions_at(decisions, 0)));
    }
    dw_decisions_free(decisions);
}

static void admit(struct user *user) {
    (void)user;
    dw_context *context;
    dw_decision *decision;
    dw_credentials credentials = good();
    unsigned long before = atomic_load(&written);
    CHECK(dw_admit(door, &credentials, NULL, acme, us, of("15"), &context, &decision, NULL) == DW_STATUS_OK);
    is_right(decision, 15, before);
    CHECK(is(dw_context_institution_id(context), "acme") && dw_context_role(context) == DW_ROLE_ADMIN);
    dw_context_free(context), dw_decision_free(decision);
}

static void try_a_draft(struct user *user) {
    (void)user;
    dw_position asked = of("15");
    dw_decisions *decisions;
    CHECK(dw_dry_run(session, acme, us, dw_str_from("{\"position\":{\"maxAmount\":14.5}}"), &asked, 1, &decisions, NULL) == DW_STATUS_OK);
    CHECK(dw_decision_policy(dw_decisions_at(decisions, 0)) == DW_POLICY_SOURCE_GIVEN && is(dw_decision_violation(dw_decisions_at(decisions, 0), 0).limit, "14.5"));
    dw_decisions_free(decisions);
}

static void get(struct user *user) {
    (void)user;
    dw_key *key, *found;
    dw_policy *policy;
    dw_institution *institution;
    dw_error *error;
    unsigned long before = atomic_load(&written);
    CHECK(dw_get_key(session, acme, dw_key_id(dw_created_key_record(steady)), &key, NULL) == DW_STATUS_OK && is(dw_key_label(key), "steady"));
    CHECK(dw_find_by_token(door, dw_created_key_token(steady), &found, NULL) == DW_STATUS_OK && is(dw_key_label(found), "steady"));
    CHECK(dw_get_institution(session, acme, &institution, NULL) == DW_STATUS_OK && is(dw_institution_name(institution), "Acme Bank"));
    CHECK(dw_get_policy(session, acme, us, &policy, NULL) == DW_STATUS_OK && dw_policy_version(policy) >= before);
    const char *config = dw_policy_version(policy) % 2 ? "{\"position\":{\"maxAmount\":10}}" : "{\"position\":{\"maxAmount\":20}}";
    CHECK(is(dw_policy_config(policy), config));
    dw_key_free(key), dw_key_free(found), dw_institution_free(institution), dw_policy_free(policy);
    failed_as(dw_get_key(session, acme, dw_str_from("ak_none"), &key, &error), &error, DW_STATUS_NOT_FOUND, "key_not_found", "key_id");
}

/* What all threads read at once: the JSON and the texts of one record. */
static void read_together(struct user *user) {
    (void)user;
    const dw_key *key = dw_created_key_record(steady);
    CHECK(dw_key_json(key).len > 100 && is(dw_key_institution_id(key), "acme") && dw_key_status_now(key) == DW_KEY_STATUS_ACTIVE);
}

static void told(void *place, const dw_verdict *verdict, dw_context *context) {
    is_steady(verdict);
    CHECK(context);
    dw_context_free(context);
    ++*(int *)place;
}

static void look_up(struct user *user) {
    (void)user;
    int count = 0;
    dw_credentials credentials = good();
    CHECK(dw_lookup_start(door, &credentials, NULL, told, &count, NULL) == DW_STATUS_OK && count == 1);
}

static void list(struct user *user) {
    dw_page *page;
    dw_page_request two = {0};
    dw_audit_query query = {0};
    uint64_t limit = 2;
    two.struct_size = sizeof two, two.limit = &limit;
    query.struct_size = sizeof query, query.institution_id = acme;
    CHECK(dw_list_institutions(session, NULL, &page, NULL) == DW_STATUS_OK && dw_page_count(page) == THREADS + 1);
    dw_page_free(page);
    /* Oldest first: the one that stays. */
    two.order = DW_ORDER_OLDEST_FIRST;
    CHECK(dw_list_keys(session, acme, NULL, &two, &page, NULL) == DW_STATUS_OK && is(dw_key_label(dw_page_key_at(page, 0)), "steady"));
    dw_page_free(page);
    two.order = DW_ORDER_NEWEST_FIRST;
    CHECK(dw_list_policies(session, acme, &two, &page, NULL) == DW_STATUS_OK && dw_page_count(page) == 1);
    dw_page_free(page);
    CHECK(dw_policy_history(session, acme, us, &two, &page, NULL) == DW_STATUS_OK && dw_page_json_at(page, 0).len);
    dw_page_free(page);
    CHECK(dw_list_audit_events(session, user->turns % 2 ? &query : NULL, &two, &page, NULL) == DW_STATUS_OK && dw_page_count(page) == 2);
    dw_page_free(page);
}

static void observe(struct user *user) {
    dw_text *text;
    bool reachable;
    CHECK(dw_health(door, &reachable, &text, NULL) == DW_STATUS_OK && reachable && dw_text_str(text).len);
    dw_text_free(text);
    CHECK((user->turns % 2 ? dw_metrics_text : dw_metrics_json)(door, &text, NULL) == DW_STATUS_OK && dw_text_str(text).len);
    dw_text_free(text);
}

static void stands(dw_str presented, const char *reason) {
    dw_verdict verdict;
    dw_credentials credentials = token(presented);
    dw_verify(door, &credentials, NULL, &verdict, NULL);
    CHECK(is(verdict.reason, reason) && (verdict.status == DW_STATUS_OK) == !*reason);
}

/* A key's whole life, in the thread's own institution. */
static void live(struct user *user) {
    dw_new_key made = {0};
    dw_created_keys *created;
    dw_created_key *successor;
    dw_key *key;
    dw_key_patch patch = {0};
    uint64_t count;
    made.struct_size = sizeof made, made.label = dw_str_from("mortal"), made.role = DW_ROLE_READ_ONLY;
    CHECK(dw_create_keys(session, user->id, &made, 1, &created, NULL) == DW_STATUS_OK);
    dw_str text = dw_created_key_token(dw_created_keys_at(created, 0)), id = dw_key_id(dw_created_key_record(dw_created_keys_at(created, 0)));
    stands(text, "");
    patch.struct_size = sizeof patch, patch.label = dw_str_from(user->name);
    CHECK(dw_update_key(session, user->id, id, &patch, &key, NULL) == DW_STATUS_OK && is(dw_key_label(key), user->name) && dw_key_version(key) == 2);
    dw_key_free(key);
    CHECK(dw_disable_key(session, user->id, id, &key, NULL) == DW_STATUS_OK);
    stands(text, "disabled");
    dw_key_free(key);
    CHECK(dw_enable_key(session, user->id, id, &key, NULL) == DW_STATUS_OK);
    stands(text, "");
    dw_key_free(key);
    CHECK(dw_rotate_key(session, user->id, id, 3600000, &successor, NULL) == DW_STATUS_OK);
    stands(text, "");
    stands(dw_created_key_token(successor), "");
    CHECK(dw_revoke_key(session, user->id, id, &key, NULL) == DW_STATUS_OK);
    stands(text, "revoked");
    dw_key_free(key);
    CHECK(dw_revoke_all_keys(session, user->id, &count, NULL) == DW_STATUS_OK && count == 1);
    stands(dw_created_key_token(successor), "revoked");
    dw_created_key_free(successor), dw_created_keys_free(created);
}

/* A policy's whole life, in the thread's own institution; and the institution's name. */
static void rule(struct user *user) {
    dw_policy *policy;
    dw_error *error;
    dw_institution *institution;
    dw_institution_patch patch = {0};
    uint64_t none = 0, version;
    CHECK(dw_upsert_policy(session, user->id, us, dw_str_from("{\"position\":{\"maxAmount\":1}}"), &none, &policy, NULL) == DW_STATUS_OK);
    version = dw_policy_version(policy);
    dw_policy_free(policy);
    CHECK(dw_merge_policy(session, user->id, us, dw_str_from("{\"position\":{\"minAmount\":1}}"), &version, &policy, NULL) == DW_STATUS_OK);
    CHECK(dw_policy_version(policy) == version + 1);
    dw_policy_free(policy);
    failed_as(dw_delete_policy(session, user->id, us, &version, &policy, &error), &error, DW_STATUS_CONFLICT, "version_mismatch", "expected_version");
    CHECK(dw_delete_policy(session, user->id, us, NULL, &policy, NULL) == DW_STATUS_OK);
    dw_policy_free(policy);
    patch.struct_size = sizeof patch, patch.name = dw_str_from(user->name);
    CHECK(dw_update_institution(session, user->id, &patch, &institution, NULL) == DW_STATUS_OK && is(dw_institution_name(institution), user->name));
    dw_institution_free(institution);
}

/* ---- threads ---- */

/* How often each kind comes; what is dear comes in one of 64 rounds. */
static void (*const OFTEN[])(struct user *) = {verify, verify_the_newest, verify, check_as_caller, verify, admit, verify, verify_the_newest, verify, look_up, verify, get, refuse, check_several, read_together, try_a_draft};
static void (*const SELDOM[])(struct user *) = {list, observe, live, rule};
enum { OFTEN_LEN = sizeof OFTEN / sizeof *OFTEN, SELDOM_LEN = sizeof SELDOM / sizeof *SELDOM };

static void *use(void *place) {
    struct user *user = place;
    for (long n = 0; n < calls / THREADS; n++) {
        user->turns = (unsigned long)(n / OFTEN_LEN);
        OFTEN[n % OFTEN_LEN](user);
        if (n % (OFTEN_LEN * 16) == 0) SELDOM[user->turns / 16 % SELDOM_LEN](user);
    }
    return NULL;
}

static void write_policy(unsigned long version) {
    dw_policy *policy;
    dw_str config = dw_str_from(version % 2 ? "{\"position\":{\"maxAmount\":10}}" : "{\"position\":{\"maxAmount\":20}}");
    atomic_store(&writing, version);
    CHECK(dw_upsert_policy(session, acme, us, config, NULL, &policy, NULL) == DW_STATUS_OK && dw_policy_version(policy) == version);
    atomic_store(&written, version);
    dw_policy_free(policy);
}

static void *change(void *unused) {
    (void)unused;
    for (long number = 1; !atomic_load(&ended); number++) {
        dw_created_key *created = create_key(session, "short-lived");
        dw_str text = dw_created_key_token(created);
        dw_key *key;
        pthread_mutex_lock(&newest.lock);
        memcpy(newest.token, text.data, text.len);
        newest.len = text.len, newest.number = number;
        pthread_mutex_unlock(&newest.lock);
        write_policy((unsigned long)number + 1);
        atomic_store(&revoking, number);
        CHECK(dw_revoke_key(session, acme, dw_key_id(dw_created_key_record(created)), &key, NULL) == DW_STATUS_OK);
        atomic_store(&revoked, number);
        CHECK(dw_key_status_now(key) == DW_KEY_STATUS_REVOKED);
        dw_key_free(key), dw_created_key_free(created);
    }
    return NULL;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    calls = atol(argv[1]);
    acme = dw_str_from("acme"), us = dw_str_from("US"), dollar = dw_str_from("USD");
    door = memory_door();
    session = system_session(door);
    create_acme(session);
    steady = create_key(session, "steady");
    write_policy(1);
    struct user users[THREADS] = {0};
    pthread_t threads[THREADS], changer;
    for (int n = 0; n < THREADS; n++) {
        dw_new_institution own = {0};
        dw_institution *institution;
        snprintf(users[n].name, sizeof users[n].name, "thread-%d", n);
        users[n].id = dw_str_from(users[n].name);
        own.struct_size = sizeof own, own.id = users[n].id, own.name = dw_str_from("Own");
        CHECK(dw_create_institution(session, &own, &institution, NULL) == DW_STATUS_OK);
        dw_institution_free(institution);
    }
    CHECK(!pthread_create(&changer, NULL, change, NULL));
    for (int n = 0; n < THREADS; n++) CHECK(!pthread_create(&threads[n], NULL, use, &users[n]));
    for (int n = 0; n < THREADS; n++) pthread_join(threads[n], NULL);
    atomic_store(&ended, 1);
    pthread_join(changer, NULL);
    /* It was looked at on both sides of being revoked. */
    CHECK(atomic_load(&let_in) > 0 && atomic_load(&refused) > 0);
    printf("%ld keys created and revoked; the newest let in %ld times, refused %ld times\n", atomic_load(&revoked), atomic_load(&let_in), atomic_load(&refused));
    dw_created_key_free(steady);
    dw_session_free(session);
    CHECK(dw_close(door, 10000, NULL) == DW_STATUS_OK);
    dw_door_free(door);
    return 0;
}
