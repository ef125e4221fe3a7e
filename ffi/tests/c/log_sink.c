/* The log sink: what it is given, at which level, how it is exchanged, and that it may call the library. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

struct sink {
    const dw_door *door;
    atomic_int records, operations, warnings, busy, freed;
    char last[512], time[32], target[128];
    int counts_only, removes_itself;
};

static dw_credentials nobody(void) {
    return token(dw_str_from("ak_nobodys"));
}

static void record(void *user, const dw_log_record *record) {
    struct sink *sink = user;
    sink->busy++;
    CHECK(!sink->freed);
    CHECK(record->level >= DW_LOG_LEVEL_ERROR && record->level <= DW_LOG_LEVEL_TRACE);
    CHECK(record->time.len == 24 && record->time.data[23] == 'Z' && record->target.len);
    CHECK(!memchr(record->message.data, '\n', record->message.len));
    sink->records++;
    if (record->level <= DW_LOG_LEVEL_WARN) sink->warnings++;
    if (sink->door) {
        /* Another thread's record may be under way, but none of this call's. */
        dw_verdict verdict;
        dw_credentials credentials = nobody();
        CHECK(dw_verify(sink->door, &credentials, NULL, &verdict, NULL) == DW_STATUS_UNAUTHENTICATED);
    }
    if (record->message.len > 8 && !memcmp(record->message.data, "doorward", 8)) {
        sink->operations++;
        if (record->message.len < sizeof sink->last && !sink->counts_only) {
            memcpy(sink->last, record->message.data, record->message.len);
            sink->last[record->message.len] = 0;
            memcpy(sink->target, record->target.data, record->target.len);
        }
    }
    if (sink->removes_itself) CHECK(dw_log_to(NULL, NULL) == DW_STATUS_OK && !sink->freed);
    sink->busy--;
}

static void let_go(void *user) {
    struct sink *sink = user;
    CHECK(!sink->busy);
    sink->freed++;
}

static dw_log_sink to(struct sink *sink, int level) {
    dw_log_sink given = {0};
    given.struct_size = sizeof given;
    given.record = record;
    given.user = sink;
    given.user_free = let_go;
    given.level = level;
    return given;
}

static void log_to(struct sink *sink, int level) {
    dw_log_sink given = to(sink, level);
    CHECK(dw_log_to(&given, NULL) == DW_STATUS_OK);
}

static void verify(const dw_door *door) {
    dw_verdict verdict;
    dw_credentials credentials = nobody();
    CHECK(dw_verify(door, &credentials, NULL, &verdict, NULL) == DW_STATUS_UNAUTHENTICATED);
}

static void mistakes_change_nothing(void) {
    struct sink first = {0}, wrong = {0};
    dw_error *error;
    dw_log_sink given = to(&wrong, DW_LOG_LEVEL_DEBUG);
    CHECK(dw_log_to(NULL, &error) == DW_STATUS_OK && !error);
    log_to(&first, DW_LOG_LEVEL_DEBUG);
    given.record = NULL;
    failed_as(dw_log_to(&given, &error), &error, DW_STATUS_VALIDATION, "required", "sink.record");
    given = to(&wrong, 6);
    failed_as(dw_log_to(&given, &error), &error, DW_STATUS_VALIDATION, "invalid_format", "sink.level");
    given.level = -1;
    failed_as(dw_log_to(&given, &error), &error, DW_STATUS_VALIDATION, "invalid_format", "sink.level");
    given = to(&wrong, DW_LOG_LEVEL_DEBUG);
    given.reserved = 1;
    failed_as(dw_log_to(&given, &error), &error, DW_STATUS_VALIDATION, "out_of_range", "sink.reserved");
    given = to(&wrong, DW_LOG_LEVEL_DEBUG);
    given.struct_size = 7;
    failed_as(dw_log_to(&given, &error), &error, DW_STATUS_VALIDATION, "out_of_range", "sink.struct_size");
    CHECK(!first.freed && !wrong.freed);
    CHECK(dw_log_to(NULL, NULL) == DW_STATUS_OK && first.freed == 1);
    CHECK(dw_log_to(NULL, NULL) == DW_STATUS_OK && first.freed == 1 && !wrong.freed);
}

static void levels_are_kept_and_exchanged(void) {
    struct sink quiet = {0}, talkative = {0};
    dw_door *door = memory_door();
    log_to(&quiet, DW_LOG_LEVEL_NONE);
    verify(door);
    CHECK(!quiet.records);
    log_to(&talkative, DW_LOG_LEVEL_DEBUG);
    CHECK(quiet.freed == 1 && !quiet.records);
    verify(door);
    CHECK(talkative.operations == 1 && strstr(talkative.last, "doorward operation=\"verify\" seconds=0.0") == talkative.last);
    CHECK(!strncmp(talkative.target, "doorward::", 10));
    CHECK(dw_log_to(NULL, NULL) == DW_STATUS_OK && talkative.freed == 1);
    verify(door);
    CHECK(talkative.operations == 1);
    /* And once more, after all of it was switched off. */
    struct sink again = {0};
    log_to(&again, DW_LOG_LEVEL_TRACE);
    verify(door);
    CHECK(again.operations == 1);
    CHECK(dw_log_to(NULL, NULL) == DW_STATUS_OK && again.freed == 1);
    dw_door_free(door);
}

static void a_sink_may_call_the_library_and_take_itself_away(void) {
    struct sink sink = {0}, last = {0};
    dw_door *door = memory_door();
    sink.door = door;
    log_to(&sink, DW_LOG_LEVEL_TRACE);
    verify(door);
    CHECK(sink.operations == 1);
    last.counts_only = last.removes_itself = 1;
    log_to(&last, DW_LOG_LEVEL_TRACE);
    CHECK(sink.freed == 1);
    verify(door), verify(door);
    CHECK(last.operations == 1 && last.freed == 1);
    dw_door_free(door);
}

static void a_forked_child_logs(void) {
    struct sink sink = {0};
    dw_door *door = memory_door();
    log_to(&sink, DW_LOG_LEVEL_DEBUG);
    verify(door);
    pid_t child = fork();
    if (!child) {
        alarm(30);
        verify(door);
        CHECK(sink.operations == 2);
        CHECK(dw_log_to(NULL, NULL) == DW_STATUS_OK && sink.freed == 1);
        /* Not by exit: what threads of the parent own is lost in the child, on purpose, and valgrind would count it. */
        execlp("true", "true", (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status));
    CHECK(sink.operations == 1);
    CHECK(dw_log_to(NULL, NULL) == DW_STATUS_OK && sink.freed == 1);
    dw_door_free(door);
}

static atomic_int ended;

static void *hammer(void *door) {
    while (!ended) verify(door);
    return NULL;
}

static void exchanged_under_fire_each_is_let_go_of_once_and_never_called_again(void) {
    enum { SINKS = 500 };
    struct sink *sinks = calloc(SINKS, sizeof *sinks);
    dw_door *door = memory_door();
    pthread_t threads[4];
    for (int n = 0; n < 4; n++) CHECK(!pthread_create(&threads[n], NULL, hammer, door));
    for (int n = 0; n < SINKS; n++) {
        sinks[n].counts_only = 1;
        log_to(&sinks[n], n % 3 ? DW_LOG_LEVEL_DEBUG : DW_LOG_LEVEL_ERROR);
        if (n % 50 == 0) usleep(1000);
    }
    CHECK(dw_log_to(NULL, NULL) == DW_STATUS_OK);
    ended = 1;
    for (int n = 0; n < 4; n++) pthread_join(threads[n], NULL);
    int records = 0;
    for (int n = 0; n < SINKS; n++) {
        CHECK(sinks[n].freed == 1);
        CHECK(n % 3 || !sinks[n].records);
        records += sinks[n].records;
    }
    CHECK(records);
    dw_door_free(door);
    free(sinks);
}

int main(void) {
    mistakes_change_nothing();
    levels_are_kept_and_exchanged();
    a_sink_may_call_the_library_and_take_itself_away();
    a_forked_child_logs();
    exchanged_under_fire_each_is_let_go_of_once_and_never_called_again();
    return 0;
}
