/*
 * conformance FOLDER BACKEND WORKDIR [DATABASE_URL]: plays every scenario of the folder on this store; where the environment has
 * EVERY=n one of n, from all over the files.
 */
#include "runner.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t met, every = 1, played, failed;

static int is_known(const char *key, const char *const *names) {
    for (; *names; names++)
        if (!strcmp(key, *names)) return 1;
    return 0;
}

static char *unknown_member(const json_t *object, const char *const *names) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) if (!is_known(key, names)) return formatted("a member that is not known: %s", key);
    return NULL;
}

static int equal(dw_str seen, const json_t *expected) {
    return json_string_length(expected) == seen.len && !memcmp(json_string_value(expected), seen.data, seen.len);
}

/* The name in C of an argument of which the core speaks. */
static const char *in_c(const char *operation, const char *field) {
    if (!strcmp(operation, "create_institution") && !strcmp(field, "institution_id")) return "id";
    if (!strcmp(operation, "rotate_key") && !strcmp(field, "grace")) return "grace_ms";
    return field;
}

static int blames(dw_str seen, const char *operation, const json_t *wanted) {
    if (!json_is_string(wanted)) return 0;
    const char *name = in_c(operation, json_string_value(wanted));
    return strlen(name) == seen.len && !memcmp(name, seen.data, seen.len);
}

static char *error_meets(const char *operation, const dw_error *error, const json_t *expected) {
    static const char *const MEMBERS[] = {"kind", "reason", "field", NULL};
    char *unknown = unknown_member(expected, MEMBERS);
    if (unknown) return unknown;
    dw_str kind = dw_error_kind(error), reason = dw_error_reason(error), field = dw_error_field(error), message = dw_error_message(error);
    const json_t *wanted = json_object_get(expected, "field");
    if (equal(kind, json_object_get(expected, "kind")) && equal(reason, json_object_get(expected, "reason")) && (!wanted || blames(field, operation, wanted))) return NULL;
    char *written = json_dumps(expected, JSON_ENCODE_ANY);
    char *text = formatted("expected %s, failed with %.*s / %.*s of %.*s: %.*s", written, (int)kind.len, kind.data, (int)reason.len, reason.data,
                           (int)field.len, field.data ? field.data : "", (int)message.len, message.data);
    free(written);
    return text;
}

/* Takes a step, and saves what is to be saved. NULL, or why it went otherwise. */
static char *take_step(struct world *world, const json_t *step, json_t *saved) {
    static const char *const MEMBERS[] = {"op", "as", "args", "save", "expect", "error", "why", NULL};
    char *message = unknown_member(step, MEMBERS);
    if (message) return message;
    json_t *none = json_object();
    const json_t *given = json_object_get(step, "args");
    json_t *arguments = generate(given ? given : none, &message);
    json_decref(none);
    if (!arguments) return message;
    const json_t *as = json_object_get(step, "as"), *expected = json_object_get(step, "expect"), *error = json_object_get(step, "error");
    const char *save = json_string_value(json_object_get(step, "save")), *operation = json_string_value(json_object_get(step, "op"));
    struct outcome outcome = call(world, operation ? operation : "", as ? json_string_value(as) : "system", arguments, save);
    json_decref(arguments);
    if (outcome.broken) {
        message = outcome.broken;
    } else if (outcome.error) {
        dw_str text = dw_error_message(outcome.error);
        message = error ? error_meets(operation ? operation : "", outcome.error, error) : formatted("failed: %.*s", (int)text.len, text.data);
    } else if (error) {
        message = formatted("succeeded, and was to fail");
    } else if (expected) {
        message = meets("answer", outcome.answer, expected);
    }
    if (!message && save) json_object_set(saved, save, outcome.answer);
    dw_error_free(outcome.error);
    json_decref(outcome.answer);
    return message;
}

static int is_faulty(const json_t *steps) {
    for (size_t index = 0; index < json_array_size(steps); index++) {
        const char *operation = json_string_value(json_object_get(json_array_get(steps, index), "op"));
        if (operation && !strcmp(operation, "fault")) return 1;
    }
    return 0;
}

static void leave(struct world *world) {
    while (world->contexts_len) {
        struct saved_context *context = &world->contexts[--world->contexts_len];
        dw_context_free(context->context);
        free(context->name);
    }
    while (world->sessions_len) {
        struct saved_session *session = &world->sessions[--world->sessions_len];
        dw_session_free(session->session);
        free(session->name);
    }
    /* Threads end and connections are given back before the next scenario begins. */
    dw_close(world->door, 10000, NULL);
    dw_door_free(world->door);
    dw_test_faults_free(world->faults);
}

/* Plays one run of a scenario: with these values. NULL, or why it went otherwise. */
static char *play(struct world *world, const json_t *scenario, const json_t *values) {
    json_t *steps = fill_known(json_object_get(scenario, "steps"), values);
    json_t *saved = json_pack("{s:s, s:s}", "backend", world->backend, "folder", world->folder);
    dw_error *error = NULL;
    char *message = NULL;
    json_t *config = json_object_get(scenario, "config");
    world->config = config ? json_incref(config) : json_object();
    if (open_door(world, world->config, is_faulty(steps), &error) != DW_STATUS_OK) {
        dw_str text = dw_error_message(error);
        message = formatted("the door does not open: %.*s", (int)text.len, text.data);
        dw_error_free(error);
    }
    for (size_t index = 0; !message && index < json_array_size(steps); index++) {
        json_t *step = fill_all(json_array_get(steps, index), saved, &message);
        char *wrong = step ? take_step(world, step, saved) : message;
        message = NULL;
        if (wrong) {
            char *written = json_dumps(json_array_get(steps, index), JSON_ENCODE_ANY);
            message = formatted("step %zu %.300s: %s", index + 1, written, wrong);
            free(written);
            free(wrong);
        }
        json_decref(step);
    }
    leave(world);
    char *logged = forget_log(saved, world->config);
    if (message) free(logged);
    else message = logged;
    json_decref(world->config);
    json_decref(saved);
    json_decref(steps);
    return message;
}

static void run(const char *const *argv, const char *topic, const json_t *scenario, const json_t *values) {
    if (met++ % every) return;
    struct world world = {0};
    world.backend = argv[2];
    world.database_url = argv[4];
    snprintf(world.folder, sizeof world.folder, "%s/%zu", argv[3], played);
    snprintf(world.schema, sizeof world.schema, "test_c_%ld_%zu", (long)getpid(), played);
    played++;
    json_t *named = fill_known(json_object_get(scenario, "name"), values);
    char *message = mkdir(world.folder, 0700) ? formatted("cannot make %s", world.folder) : play(&world, scenario, values);
    if (message) {
        failed++;
        printf("FAILED %s::%s: %s\n  %s\n", topic, world.backend, json_string_value(named), message);
        free(message);
    }
    json_decref(named);
}

static void run_scenario(const char *const *argv, const char *topic, const json_t *scenario) {
    static const char *const MEMBERS[] = {"name", "config", "backends", "with", "steps", NULL};
    char *unknown = unknown_member(scenario, MEMBERS);
    const json_t *backends = json_object_get(scenario, "backends"), *with = json_object_get(scenario, "with");
    if (unknown) {
        failed++;
        printf("FAILED %s: %s\n", topic, unknown);
        free(unknown);
        return;
    }
    int wanted = !backends;
    for (size_t index = 0; index < json_array_size(backends); index++) wanted = wanted || !strcmp(json_string_value(json_array_get(backends, index)), argv[2]);
    if (!wanted) return;
    json_t *none = json_object();
    if (!with) run(argv, topic, scenario, none);
    for (size_t index = 0; index < json_array_size(with); index++) run(argv, topic, scenario, json_array_get(with, index));
    json_decref(none);
}

static int is_scenario_file(const struct dirent *entry) {
    size_t len = strlen(entry->d_name);
    return len > 5 && !strcmp(entry->d_name + len - 5, ".json") && strcmp(entry->d_name, "coverage.json");
}

int main(int argc, const char *const *argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: conformance FOLDER memory|sqlite|postgres WORKDIR [DATABASE_URL]\n");
        return 64;
    }
    if (getenv("EVERY")) every = strtoul(getenv("EVERY"), NULL, 10);
    begin_log();
    struct dirent **files;
    int count = scandir(argv[1], &files, is_scenario_file, alphasort);
    for (int file = 0; file < count; file++) {
        static const char *const MEMBERS[] = {"about", "scenarios", NULL};
        char *path = formatted("%s/%s", argv[1], files[file]->d_name);
        json_error_t wrong;
        json_t *written = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &wrong);
        char *unknown = written ? unknown_member(written, MEMBERS) : formatted("%s", wrong.text);
        json_t *scenarios = json_object_get(written, "scenarios");
        if (unknown || !json_array_size(scenarios)) {
            failed++;
            printf("FAILED %s: %s\n", path, unknown ? unknown : "has no scenarios");
        } else {
            for (size_t index = 0; index < json_array_size(scenarios); index++) run_scenario(argv, files[file]->d_name, json_array_get(scenarios, index));
        }
        free(unknown);
        json_decref(written);
        free(path);
        free(files[file]);
    }
    if (count > 0) free(files);
    size_t records = end_log();
    printf("%zu scenarios played on %s, %zu failed, %zu records logged\n", played, argv[2], failed, records);
    return failed || !played || !records;
}
