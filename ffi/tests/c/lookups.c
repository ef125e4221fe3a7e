/* lookups SETTING=VALUE...: lookups that tell a callback, on the store of these settings; then the same door in a forked child. */
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

struct told {
    pthread_mutex_t lock;
    pthread_cond_t came;
    int count;
    dw_status status;
    char reason[32];
    char key_id[129];
    int has_context;
};

static void tell(void *user, const dw_verdict *verdict, dw_context *context) {
    struct told *told = user;
    pthread_mutex_lock(&told->lock);
    told->count++;
    told->status = verdict->status;
    told->has_context = context != NULL;
    snprintf(told->reason, sizeof told->reason, "%.*s", (int)verdict->reason.len, verdict->reason.data ? verdict->reason.data : "");
    memcpy(told->key_id, verdict->key_id.text, (size_t)verdict->key_id.len + 1);
    dw_context_free(context);
    pthread_cond_signal(&told->came);
    pthread_mutex_unlock(&told->lock);
}

static struct told look_up(const dw_door *door, dw_str text) {
    struct told told = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, DW_STATUS_INTERNAL, "", "", 0};
    /* The token need not outlive the call. */
    char *copy = malloc(text.len + 1);
    memcpy(copy, text.data, text.len);
    dw_credentials credentials = token((dw_str){copy, text.len});
    CHECK(dw_lookup_start(door, &credentials, NULL, tell, &told, NULL) == DW_STATUS_OK);
    memset(copy, 0, text.len);
    free(copy);
    pthread_mutex_lock(&told.lock);
    while (!told.count) pthread_cond_wait(&told.came, &told.lock);
    pthread_mutex_unlock(&told.lock);
    return told;
}

/* Each is told of once, though the door is closed with no time left, or only freed, while they are on their way. */
static void lookups_end_after_the_door(const dw_options *options, int closed) {
    enum { LOOKUPS = 200 };
    struct told told = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, DW_STATUS_INTERNAL, "", "", 0};
    dw_door *door;
    CHECK(dw_open(options, &door, NULL) == DW_STATUS_OK);
    for (int n = 0; n < LOOKUPS; n++) {
        char nobodys[32];
        snprintf(nobodys, sizeof nobodys, "ak_nobodys%d", n);
        dw_credentials credentials = token(dw_str_from(nobodys));
        CHECK(dw_lookup_start(door, &credentials, NULL, tell, &told, NULL) == DW_STATUS_OK);
    }
    if (closed) dw_close(door, 0, NULL);
    dw_door_free(door);
    pthread_mutex_lock(&told.lock);
    while (told.count < LOOKUPS) pthread_cond_wait(&told.came, &told.lock);
    CHECK(told.count == LOOKUPS && !told.has_context);
    pthread_mutex_unlock(&told.lock);
}

int main(int argc, char **argv) {
    dw_setting settings[8];
    dw_options options = {0};
    dw_door *door;
    set_all(&options, settings, argc - 1, argv + 1);
    CHECK(dw_open(&options, &door, NULL) == DW_STATUS_OK);
    dw_session *session = system_session(door);
    create_acme(session);
    dw_created_key *created = create_key(session, "ci");
    dw_str secret = dw_created_key_token(created), id = dw_key_id(dw_created_key_record(created));

    struct told told = look_up(door, secret);
    CHECK(told.count == 1 && told.status == DW_STATUS_OK && told.has_context && is(id, told.key_id) && !told.reason[0]);
    told = look_up(door, dw_str_from("ak_nobodys"));
    CHECK(told.status == DW_STATUS_UNAUTHENTICATED && !told.has_context && !strcmp(told.reason, "unknown") && !told.key_id[0]);
    told = look_up(door, dw_str_from("\xff"));
    CHECK(told.status == DW_STATUS_UNAUTHENTICATED && !strcmp(told.reason, "malformed"));

    /* A child goes on with the door, and never hangs. */
    pid_t child = fork();
    if (!child) {
        alarm(30);
        dw_verdict verdict;
        dw_credentials credentials = token(secret);
        CHECK(dw_verify(door, &credentials, NULL, &verdict, NULL) == DW_STATUS_OK && is(id, verdict.key_id.text));
        told = look_up(door, secret);
        CHECK(told.status == DW_STATUS_OK && is(id, told.key_id));
        dw_created_key *own = create_key(session, "child's");
        CHECK(is(dw_key_label(dw_created_key_record(own)), "child's"));
        dw_created_key_free(own);
        /* Not by exit: what threads of the parent own is lost in the child, on purpose, and valgrind would count it. */
        execlp("true", "true", (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status));
    told = look_up(door, secret);
    CHECK(told.status == DW_STATUS_OK);

    dw_key *key;
    CHECK(dw_revoke_key(session, dw_str_from("acme"), id, &key, NULL) == DW_STATUS_OK);
    dw_key_free(key);
    told = look_up(door, secret);
    CHECK(told.status == DW_STATUS_UNAUTHENTICATED && !strcmp(told.reason, "revoked"));
    CHECK(dw_close(door, 10000, NULL) == DW_STATUS_OK);
    told = look_up(door, secret);
    CHECK(told.status == DW_STATUS_CLOSED && !told.has_context);
    dw_created_key_free(created);
    dw_session_free(session);
    dw_door_free(door);
    lookups_end_after_the_door(&options, 0);
    lookups_end_after_the_door(&options, 1);
    return 0;
}
