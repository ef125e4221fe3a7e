/*
 * fork CHILDREN SETTING=VALUE...: forks while threads are in the midst of calls of every kind. Each child goes on with the door of
 * its parent, whatever was held or half done when it began, and so does the parent.
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, PATIENCE = 60 };

static dw_door *door;
static dw_session *session;
static dw_created_key *steady;
static atomic_int ended;
static atomic_long turns;

struct told {
    pthread_mutex_t lock;
    pthread_cond_t came;
    dw_status status;
    int count;
};

static void tell(void *place, const dw_verdict *verdict, dw_context *context) {
    struct told *told = place;
    dw_context_free(context);
    pthread_mutex_lock(&told->lock);
    told->status = verdict->status;
    told->count++;
    pthread_cond_signal(&told->came);
    pthread_mutex_unlock(&told->lock);
}

/* Everything that the store is asked: lookups that wait and that do not, reads and changes. */
static void use(const char *label) {
    struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    dw_credentials credentials = token(dw_created_key_token(steady));
    dw_str acme = dw_str_from("acme"), us = dw_str_from("US");
    dw_position position = {dw_str_from("7"), dw_str_from("USD")};
    dw_verdict verdict;
    dw_decision *decision;
    dw_key *key;
    CHECK(dw_verify(door, &credentials, NULL, &verdict, NULL) == DW_STATUS_OK && is(dw_key_id(dw_created_key_record(steady)), verdict.key_id.text));
    CHECK(dw_lookup_start(door, &credentials, NULL, tell, &told, NULL) == DW_STATUS_OK);
    CHECK(dw_admit(door, &credentials, NULL, acme, us, position, NULL, &decision, NULL) == DW_STATUS_OK);
    CHECK(!dw_decision_allowed(decision) && is(dw_decision_violation(decision, 0).limit, "5"));
    dw_decision_free(decision);
    dw_created_key *own = create_key(session, label);
    dw_credentials owner = token(dw_created_key_token(own));
    CHECK(dw_verify(door, &owner, NULL, NULL, NULL) == DW_STATUS_OK);
    CHECK(dw_revoke_key(session, acme, dw_key_id(dw_created_key_record(own)), &key, NULL) == DW_STATUS_OK && is(dw_key_label(key), label));
    CHECK(dw_verify(door, &owner, NULL, &verdict, NULL) == DW_STATUS_UNAUTHENTICATED && is(verdict.reason, "revoked"));
    dw_key_free(key), dw_created_key_free(own);
    pthread_mutex_lock(&told.lock);
    while (!told.count) pthread_cond_wait(&told.came, &told.lock);
    CHECK(told.status == DW_STATUS_OK);
    pthread_mutex_unlock(&told.lock);
    atomic_fetch_add(&turns, 1);
}

static void *keep_using(void *unused) {
    (void)unused;
    while (!atomic_load(&ended)) use("parent's");
    return NULL;
}

static void child(void) {
    alarm(PATIENCE);
    use("child's");
    use("child's again");
    CHECK(dw_close(door, 10000, NULL) == DW_STATUS_OK);
    dw_credentials credentials = token(dw_created_key_token(steady));
    CHECK(dw_verify(door, &credentials, NULL, NULL, NULL) == DW_STATUS_CLOSED);
    /* Not by exit: what threads of the parent own is lost in the child, on purpose, and valgrind would count it. */
    execlp("true", "true", (char *)NULL);
    _exit(1);
}

int main(int argc, char **argv) {
    dw_setting settings[8];
    dw_options options = {0};
    CHECK(argc > 1 && argc < 10);
    set_all(&options, settings, argc - 2, argv + 2);
    CHECK(dw_open(&options, &door, NULL) == DW_STATUS_OK);
    session = system_session(door);
    create_acme(session);
    steady = create_key(session, "steady");
    dw_policy *policy;
    CHECK(dw_upsert_policy(session, dw_str_from("acme"), dw_str_from("US"), dw_str_from("{\"position\":{\"maxAmount\":5}}"), NULL, &policy, NULL) == DW_STATUS_OK);
    dw_policy_free(policy);
    pthread_t threads[THREADS];
    for (int n = 0; n < THREADS; n++) CHECK(!pthread_create(&threads[n], NULL, keep_using, NULL));
    for (int n = 0; n < atoi(argv[1]); n++) {
        int status;
        long before = atomic_load(&turns);
        pid_t pid = fork();
        if (!pid) child();
        CHECK(waitpid(pid, &status, 0) == pid);
        if (WIFSIGNALED(status)) fprintf(stderr, "child %d ended by signal %d\n", n, WTERMSIG(status));
        CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
        /* The parent goes on as well. */
        while (atomic_load(&turns) == before) usleep(1000);
    }
    atomic_store(&ended, 1);
    for (int n = 0; n < THREADS; n++) pthread_join(threads[n], NULL);
    dw_created_key_free(steady);
    dw_session_free(session);
    CHECK(dw_close(door, 10000, NULL) == DW_STATUS_OK);
    dw_door_free(door);
    return 0;
}
