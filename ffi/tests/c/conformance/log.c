/* What the library logs while scenarios are played, down to the last trace: no token and no root token may be there. */
#include "runner.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct {
    pthread_mutex_t lock;
    char *text;
    size_t len, room, records;
} logged = {PTHREAD_MUTEX_INITIALIZER, NULL, 0, 0, 0};

static void add(dw_str text) {
    if (logged.len + text.len + 2 > logged.room) {
        logged.room = 2 * (logged.len + text.len + 2);
        logged.text = realloc(logged.text, logged.room);
    }
    memcpy(logged.text + logged.len, text.data, text.len);
    logged.len += text.len;
    memcpy(logged.text + logged.len++, "\n", 2);
}

static void record(void *user, const dw_log_record *record) {
    (void)user;
    pthread_mutex_lock(&logged.lock);
    logged.records++;
    add(record->target);
    add(record->message);
    pthread_mutex_unlock(&logged.lock);
}

void begin_log(void) {
    dw_log_sink sink = {0};
    sink.struct_size = sizeof sink;
    sink.record = record;
    sink.level = DW_LOG_LEVEL_TRACE;
    if (dw_log_to(&sink, NULL) != DW_STATUS_OK) abort();
}

/* The first token anywhere in a value of which the secret part was logged. */
static const char *found(const json_t *value) {
    const char *key, *inner;
    json_t *member;
    size_t index;
    json_object_foreach((json_t *)value, key, member) {
        const char *token = strcmp(key, "token") ? NULL : json_string_value(member);
        if (token && strlen(token) > 16 && strstr(logged.text, token + 16)) return token;
        if ((inner = found(member))) return inner;
    }
    json_array_foreach(value, index, member) if ((inner = found(member))) return inner;
    return NULL;
}

char *forget_log(const json_t *saved, const json_t *config) {
    pthread_mutex_lock(&logged.lock);
    const char *root = json_string_value(json_object_get(config, "ROOT_API_KEY"));
    const char *secret = logged.len ? found(saved) : NULL;
    if (!secret && logged.len && root && strlen(root) >= 32 && strstr(logged.text, root)) secret = root;
    char *message = secret ? formatted("the log has the token %s", secret) : NULL;
    logged.len = 0;
    if (logged.text) logged.text[0] = 0;
    pthread_mutex_unlock(&logged.lock);
    return message;
}

size_t end_log(void) {
    dw_log_to(NULL, NULL);
    free(logged.text);
    return logged.records;
}
