/* A panic, in the store or in the library itself, or an answer that never comes, ends in INTERNAL; this door and every other one goes on. */
#include "check.h"

#include <stdatomic.h>
#include <unistd.h>

typedef struct dw_test_faults dw_test_faults;
dw_status dw_test_open_faulty(const dw_options *options, dw_test_faults **faults, dw_door **door, dw_error **error);
dw_status dw_test_fault(const dw_test_faults *faults, dw_str kind, dw_error **error);
dw_status dw_test_panic(dw_error **error);
void dw_test_faults_free(dw_test_faults *faults);

static const dw_door *door;
static const dw_session *session;
static dw_str id;

struct told {
    dw_status status;
    atomic_int count;
};

static void tell(void *place, const dw_verdict *verdict, dw_context *context) {
    struct told *told = place;
    CHECK(!context && verdict->role == DW_ROLE_NONE);
    told->status = verdict->status;
    told->count++;
}

/* The store goes wrong in each of these: all answer INTERNAL for this reason, and give nothing. */
static void every_call_is_internal(const dw_credentials *credentials, const char *reason) {
    dw_str acme = dw_str_from("acme"), us = dw_str_from("US"), absent = {NULL, 0};
    dw_position position = {dw_str_from("1"), dw_str_from("USD")};
    dw_new_key made = {0};
    dw_verdict verdict;
    dw_context *context;
    dw_decision *decision;
    dw_key *key;
    dw_created_key *created;
    dw_policy *policy;
    dw_page *page;
    dw_error *error;
    struct told told = {0};
    made.struct_size = sizeof made;
    made.label = dw_str_from("never");
    made.role = DW_ROLE_ADMIN;
    CHECK(dw_verify(door, credentials, NULL, &verdict, &context) == DW_STATUS_INTERNAL && is(verdict.reason, reason) && verdict.role == DW_ROLE_NONE && !context);
    failed_as(dw_authenticate(door, credentials, NULL, &context, &error), &error, DW_STATUS_INTERNAL, reason, "");
    failed_as(dw_admit(door, credentials, NULL, absent, us, position, &context, &decision, &error), &error, DW_STATUS_INTERNAL, reason, "");
    CHECK(!context && !decision && !dw_decision_allowed(decision));
    failed_as(dw_get_key(session, acme, id, &key, &error), &error, DW_STATUS_INTERNAL, reason, "");
    CHECK(!key);
    failed_as(dw_create_key(session, acme, &made, &created, &error), &error, DW_STATUS_INTERNAL, reason, "");
    CHECK(!created);
    failed_as(dw_upsert_policy(session, acme, us, dw_str_from("{\"position\":{}}"), NULL, &policy, &error), &error, DW_STATUS_INTERNAL, reason, "");
    CHECK(!policy);
    failed_as(dw_list_keys(session, acme, NULL, NULL, &page, &error), &error, DW_STATUS_INTERNAL, reason, "");
    CHECK(!page);
    /* A lookup that was begun is told of once, by whichever thread asked the store. */
    CHECK(dw_lookup_start(door, credentials, NULL, tell, &told, NULL) == DW_STATUS_OK);
    for (int patience = 0; !told.count && patience < 30000; patience++) usleep(1000);
    CHECK(told.count == 1 && told.status == DW_STATUS_INTERNAL);
}

int main(void) {
    dw_options options = {0};
    dw_test_faults *faults;
    dw_door *opened, *other = memory_door();
    dw_error *error;
    dw_verdict verdict;
    dw_key *key;
    options.struct_size = sizeof options;
    CHECK(dw_test_open_faulty(&options, &faults, &opened, NULL) == DW_STATUS_OK);
    door = opened;
    dw_session *own = system_session(door), *others = system_session(other);
    session = own;
    create_acme(session);
    create_acme(others);
    dw_created_key *created = create_key(session, "ci");
    id = dw_key_id(dw_created_key_record(created));
    dw_credentials credentials = token(dw_created_key_token(created));

    failed_as(dw_test_panic(&error), &error, DW_STATUS_INTERNAL, "panicked", "");
    CHECK(dw_test_panic(NULL) == DW_STATUS_INTERNAL);
    CHECK(dw_test_fault(faults, dw_str_from("panic"), NULL) == DW_STATUS_OK);
    every_call_is_internal(&credentials, "panicked");
    dw_created_key_free(create_key(others, "unharmed"));
    CHECK(dw_test_fault(faults, dw_str_from("abandon"), NULL) == DW_STATUS_OK);
    every_call_is_internal(&credentials, "abandoned");
    /* When it is over this door goes on, and nothing was half done. */
    dw_page *page;
    CHECK(dw_test_fault(faults, dw_str_from("none"), NULL) == DW_STATUS_OK);
    CHECK(dw_list_keys(session, dw_str_from("acme"), NULL, NULL, &page, NULL) == DW_STATUS_OK && dw_page_count(page) == 1);
    dw_page_free(page);
    CHECK(dw_verify(door, &credentials, NULL, &verdict, NULL) == DW_STATUS_OK);
    CHECK(dw_get_key(session, dw_str_from("acme"), id, &key, NULL) == DW_STATUS_OK);

    dw_key_free(key);
    dw_created_key_free(created);
    dw_session_free(own), dw_session_free(others);
    dw_close(door, 10000, NULL), dw_close(other, 10000, NULL);
    dw_door_free(opened), dw_door_free(other);
    dw_test_faults_free(faults);
    return 0;
}
