/* 8 threads share one door for a million calls of every kind, while another creates and revokes keys. Answers are checked. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 8 };

static dw_door *door;
static dw_session *session;
static dw_str acme, us, dollar;
static dw_created_key *steady; /* never revoked */
static atomic_int ended;
/* The key that the other thread has revoked last, and nobody may be let in with any more. */
static char revoked[128];
static atomic_size_t revoked_len;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long calls;

static void *use(void *unused) {
    (void)unused;
    dw_credentials good = token(dw_created_key_token(steady));
    dw_str id = dw_key_id(dw_created_key_record(steady));
    dw_position position = {dw_str_from("10"), dollar}, large = {dw_str_from("10.01"), dollar};
    for (long n = 0; n < calls / THREADS; n++) {
        dw_verdict verdict;
        dw_context *context = NULL;
        dw_decision *decision = NULL;
        dw_key *key = NULL;
        dw_page *page = NULL;
        dw_error *error = NULL;
        dw_session *own = NULL;
        switch (n % 16) {
        case 0:
            CHECK(dw_authenticate(door, &good, NULL, &context, NULL) == DW_STATUS_OK);
            CHECK(dw_session_new(door, context, NULL, &own, NULL) == DW_STATUS_OK);
            CHECK(dw_check_position(own, acme, us, large, &decision, NULL) == DW_STATUS_OK);
            CHECK(!dw_decision_allowed(decision) && is(dw_decision_violation(decision, 0).code, "above_max"));
            break;
        case 1:
            CHECK(dw_admit(door, &good, NULL, acme, us, position, &context, &decision, NULL) == DW_STATUS_OK && dw_decision_allowed(decision));
            break;
        case 2:
            CHECK(dw_get_key(session, acme, id, &key, NULL) == DW_STATUS_OK && is(dw_key_label(key), "steady"));
            break;
        case 3:
            CHECK(dw_find_by_token(door, good.token, &key, NULL) == DW_STATUS_OK && key);
            break;
        case 4: {
            dw_str none = dw_str_from("ak_none");
            failed_as(dw_get_key(session, acme, none, &key, &error), &error, DW_STATUS_NOT_FOUND, "key_not_found", "key_id");
            break;
        }
        case 5: {
            char copy[128];
            pthread_mutex_lock(&lock);
            size_t len = atomic_load(&revoked_len);
            memcpy(copy, revoked, len);
            pthread_mutex_unlock(&lock);
            dw_credentials dead = token((dw_str){copy, len});
            if (len) CHECK(dw_verify(door, &dead, NULL, &verdict, &context) == DW_STATUS_UNAUTHENTICATED && is(verdict.reason, "revoked") && !context);
            break;
        }
        case 6:
            if (n % 256 == 6) CHECK(dw_list_institutions(session, NULL, &page, NULL) == DW_STATUS_OK && dw_page_count(page) == 1);
            break;
        /* What all threads read at once: the JSON and the texts of one record. */
        case 7:
            CHECK(dw_key_json(dw_created_key_record(steady)).len > 100 && is(dw_key_institution_id(dw_created_key_record(steady)), "acme"));
            break;
        default:
            CHECK(dw_verify(door, &good, NULL, &verdict, NULL) == DW_STATUS_OK);
            CHECK(verdict.role == DW_ROLE_ADMIN && !strcmp(verdict.institution_id.text, "acme") && verdict.key_id.len == id.len);
        }
        dw_context_free(context);
        dw_decision_free(decision);
        dw_key_free(key);
        dw_page_free(page);
        dw_session_free(own);
    }
    return NULL;
}

static void *change(void *unused) {
    (void)unused;
    while (!atomic_load(&ended)) {
        dw_created_key *created = create_key(session, "short-lived");
        dw_credentials credentials = token(dw_created_key_token(created));
        CHECK(dw_verify(door, &credentials, NULL, NULL, NULL) == DW_STATUS_OK);
        dw_key *key;
        CHECK(dw_revoke_key(session, acme, dw_key_id(dw_created_key_record(created)), &key, NULL) == DW_STATUS_OK);
        CHECK(dw_key_status_now(key) == DW_KEY_STATUS_REVOKED);
        dw_key_free(key);
        pthread_mutex_lock(&lock);
        memcpy(revoked, credentials.token.data, credentials.token.len);
        atomic_store(&revoked_len, credentials.token.len);
        pthread_mutex_unlock(&lock);
        dw_created_key_free(created);
    }
    return NULL;
}

int main(int argc, char **argv) {
    calls = argc > 1 ? atol(argv[1]) : 1000000;
    acme = dw_str_from("acme"), us = dw_str_from("US"), dollar = dw_str_from("USD");
    door = memory_door();
    session = system_session(door);
    create_acme(session);
    steady = create_key(session, "steady");
    dw_policy *policy;
    CHECK(dw_upsert_policy(session, acme, us, dw_str_from("{\"position\":{\"maxAmount\":10}}"), NULL, &policy, NULL) == DW_STATUS_OK);
    dw_policy_free(policy);
    pthread_t users[THREADS], changer;
    CHECK(!pthread_create(&changer, NULL, change, NULL));
    for (int n = 0; n < THREADS; n++) CHECK(!pthread_create(&users[n], NULL, use, NULL));
    for (int n = 0; n < THREADS; n++) pthread_join(users[n], NULL);
    atomic_store(&ended, 1);
    pthread_join(changer, NULL);
    dw_created_key_free(steady);
    dw_session_free(session);
    CHECK(dw_close(door, 10000, NULL) == DW_STATUS_OK);
    dw_door_free(door);
    return 0;
}
