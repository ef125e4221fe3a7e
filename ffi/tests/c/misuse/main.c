/* misuse: tries everything, and prints what was covered: exports with their parameters, structs with their members. */
#include "suite.h"

#define OF_GARBAGE 0x51

const struct call *call;
struct given given;
struct told told;

/* What the call is given lies in these. All but an open door is new after each call that succeeded. */
static dw_created_key *caller, *key;
static dw_institution *institution;
static dw_session *session;
static dw_context *context;
static dw_door *door;
static union out answers[2];
static dw_error *error;
static dw_credentials credentials;
static dw_options options;
static dw_new_institution new_institution;
static dw_institution_patch institution_patch;
static dw_new_key new_key, keys[1];
static dw_key_patch key_patch;
static dw_position positions[1];
static int failed;

void covered(const char *name, const char *places) { printf("%s: %s\n", name, places); }

static void tell(void *user, const dw_verdict *verdict, dw_context *granted) {
    (void)user;
    told.count++;
    told.status = verdict->status;
    snprintf(told.reason, sizeof told.reason, "%.*s", (int)verdict->reason.len, verdict->reason.data ? verdict->reason.data : "");
    dw_context_free(granted);
}

static void forget(void) {
    dw_created_key_free(caller), dw_created_key_free(key), dw_institution_free(institution), dw_context_free(context), dw_session_free(session);
    caller = key = NULL, institution = NULL, context = NULL, session = NULL;
}

static void leave(void) {
    forget();
    if (door) CHECK(dw_close(door, 10000, NULL) == DW_STATUS_OK);
    dw_door_free(door);
    door = NULL;
}

static dw_created_key *created(const char *label) {
    dw_created_key *made;
    new_key.struct_size = sizeof new_key;
    new_key.label = dw_str_from(label);
    new_key.role = DW_ROLE_ADMIN;
    CHECK(dw_create_key(session, dw_institution_id(institution), &new_key, &made, NULL) == DW_STATUS_OK);
    return made;
}

void renew(void) {
    dw_policy *policy;
    if (call && !strcmp(call->name, "dw_close")) leave();
    forget();
    if (!door) door = memory_door();
    session = system_session(door);
    new_institution.struct_size = sizeof new_institution;
    new_institution.name = dw_str_from("Acme Bank");
    CHECK(dw_create_institution(session, &new_institution, &institution, NULL) == DW_STATUS_OK);
    caller = created("caller");
    key = created("ci");
    dw_str id = dw_institution_id(institution), us = dw_str_from("US"), rules = dw_str_from("{\"position\":{\"maxAmount\":5000}}");
    CHECK(dw_upsert_policy(session, id, us, rules, NULL, &policy, NULL) == DW_STATUS_OK);
    dw_policy_free(policy);
    credentials = token(dw_created_key_token(caller));
    CHECK(dw_authenticate(door, &credentials, NULL, &context, NULL) == DW_STATUS_OK);
    options.struct_size = sizeof options;
    institution_patch.struct_size = sizeof institution_patch;
    key_patch.struct_size = sizeof key_patch;
    keys[0] = new_key;
    if (call && !strcmp(call->name, "dw_import_keys")) keys[0].key_hash = dw_str_from("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    positions[0] = (dw_position){dw_str_from("10"), dw_str_from("USD")};
    given = (struct given){
        .door = door, .session = session, .context = context, .institution_id = id, .key_id = dw_key_id(dw_created_key_record(key)), .region = us,
        .config = rules, .patch = rules, .token = credentials.token, .position = positions[0], .positions = positions, .positions_len = 1, .keys = keys,
        .keys_len = 1, .options = &options, .credentials = &credentials, .new_institution = &new_institution, .institution_patch = &institution_patch,
        .new_key = &new_key, .key_patch = &key_patch, .deadline_ms = 10000, .dry_run = 1, .callback = tell, .user = &told, .out = {&answers[0], &answers[1]}, .error = &error,
    };
}

/* ---- what comes of a call ---- */

static const struct place *parameter_of(enum kind kind, size_t number) {
    for (const struct place *const *place = call->parameters; *place; place++)
        if ((*place)->kind == kind && (kind != OUT || (*place)->offset == number)) return *place;
    return NULL;
}

static int is_empty(const dw_verdict *verdict, dw_status status) {
    return verdict->status == status && verdict->role == DW_ROLE_NONE && !verdict->institution_id.len && !*verdict->institution_id.text && !verdict->key_id.len &&
           !*verdict->key_id.text && !verdict->retry_after_ms;
}

static int says(dw_str seen, const char *misuse, const char *what, const char *expected) {
    if (is(seen, expected)) return 1;
    printf("FAILED %s: %s: %s is '%.*s', not '%s'\n", call->name, misuse, what, (int)seen.len, seen.data ? seen.data : "", expected);
    return 0;
}

static int holds(int condition, const char *misuse, const char *what) {
    if (!condition) printf("FAILED %s: %s: %s\n", call->name, misuse, what);
    return condition;
}

/* Calls with garbage in all places for answers. */
static dw_status make(void) {
    memset(answers, OF_GARBAGE, sizeof answers);
    memset(&error, OF_GARBAGE, sizeof error);
    told = (struct told){0};
    return call->make(&given);
}

/* The answers are NULL, 0, false, or a verdict that lets nobody in. */
static int leaves_nothing(const char *misuse, dw_status status) {
    static const unsigned char zero[sizeof(void *)];
    int good = 1;
    for (size_t number = 0; number < 2; number++) {
        const struct place *place = parameter_of(OUT, number);
        if (place && given.out[number]) good &= holds(!memcmp(&answers[number], zero, place->size), misuse, "something is left in an out parameter");
    }
    if (parameter_of(VERDICT, 0) && given.out[0]) {
        good &= holds(is_empty(&answers[0].verdict, status), misuse, "the verdict lets somebody in");
        covered("dw_verdict", "status role reason institution_id key_id retry_after_ms");
        covered("dw_id", "text len");
    }
    return good;
}

void refused(const char *misuse, dw_status status, const char *reason, const char *field) {
    struct given kept = given;
    int good = 1;
    /* A refusal of the caller itself is told to the callback. */
    dw_status returned = status == DW_STATUS_UNAUTHENTICATED && parameter_of(CALLBACK, 0) ? DW_STATUS_OK : status;
    for (int bare = 0; bare < 2; bare++) {
        if (bare) given.error = NULL;
        for (size_t number = 0; bare && number < 2; number++) {
            const struct place *place = parameter_of(OUT, number);
            if ((place && place->need == OPTIONAL) || (!number && parameter_of(VERDICT, 0))) given.out[number] = NULL;
        }
        dw_status seen = make();
        if (seen != returned) printf("FAILED %s: %s: the status is %d, not %d\n", call->name, misuse, seen, returned);
        good &= seen == returned && leaves_nothing(misuse, status);
        if (parameter_of(CALLBACK, 0)) good &= holds(told.count == (returned == DW_STATUS_OK), misuse, "the callback is not told once, or told of an error");
        if (told.count) good &= holds(told.status == status, misuse, "the callback is told another status") && says(dw_str_from(told.reason), misuse, "told", reason);
        if (!bare && parameter_of(VERDICT, 0)) good &= says(answers[0].verdict.reason, misuse, "reason", reason);
        if (!bare && parameter_of(ERROR, 0)) {
            good &= holds(dw_error_status(error) == returned, misuse, "the error has another status");
            if (returned != DW_STATUS_OK) good &= says(dw_error_reason(error), misuse, "reason", reason) && says(dw_error_field(error), misuse, "field", field);
            dw_error_free(error);
        }
    }
    failed |= !good;
    given = kept;
}

void accepted(const char *misuse) {
    int with_error = given.error && parameter_of(ERROR, 0);
    dw_status seen = make();
    if (with_error && error) {
        dw_str message = dw_error_message(error);
        printf("FAILED %s: %s: %.*s\n", call->name, misuse, (int)message.len, message.data);
    }
    int good = holds(seen == DW_STATUS_OK, misuse, "is refused") && (!with_error || !error);
    for (size_t number = 0; seen == DW_STATUS_OK && number < 2; number++) {
        const struct place *place = parameter_of(OUT, number);
        if (place && place->drop && given.out[number]) place->drop(&answers[number]);
    }
    if (parameter_of(CALLBACK, 0)) good &= holds(told.count == 1, misuse, "the callback is not told once");
    if (with_error) dw_error_free(error);
    failed |= !good;
    renew();
}

/* ---- all of it ---- */

static void misuse_call(void) {
    char names[512] = "";
    renew();
    accepted("all is good");
    for (const struct place *const *place = call->parameters; *place; place++) {
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", *names ? " " : "", (*place)->name);
        misuse(place);
    }
    covered(call->name, names);
}

/* After closing every call says so, or goes on as it should; a session outlives the handle from which it was made. */
static void call_after_close(void) {
    renew();
    CHECK(dw_close(door, 10000, NULL) == DW_STATUS_OK);
    int is_of_session = !strcmp(call->parameters[0]->name, "session");
    if (call->closed == SAYS_CLOSED) {
        refused("after dw_close", DW_STATUS_CLOSED, "closed", "");
    } else {
        dw_status seen = make();
        failed |= !holds(seen == DW_STATUS_OK, "after dw_close", "does not go on");
        if (parameter_of(CALLBACK, 0)) failed |= !holds(told.count == 1 && told.status == DW_STATUS_CLOSED, "after dw_close", "the callback is told otherwise");
        if (!strcmp(call->name, "dw_health")) failed |= !holds(!answers[0].flag, "after dw_close", "the store can be reached");
        for (size_t number = 0; number < 2; number++) {
            const struct place *place = parameter_of(OUT, number);
            if (place && place->drop) place->drop(&answers[number]);
        }
    }
    /* What was given out stays good. */
    CHECK(is(dw_key_label(dw_created_key_record(caller)), "caller"));
    dw_door_free(door);
    door = NULL;
    if (is_of_session) refused("after dw_door_free", DW_STATUS_CLOSED, "closed", "");
}

int main(void) {
    clearenv();
    for (size_t index = 0; index < CALLS_LEN; index++) {
        call = &CALLS[index];
        misuse_call();
        call_after_close();
    }
    call = NULL;
    CHECK(dw_log_to(NULL, NULL) == DW_STATUS_OK);
    renew();
    accessors_of_nothing();
    items_beyond_the_last();
    leave();
    return failed;
}
