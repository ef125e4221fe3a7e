/* A panic, in the store or in the library itself, ends in INTERNAL; this door and every other one goes on. */
#include "check.h"

typedef struct dw_test_faults dw_test_faults;
dw_status dw_test_open_faulty(const dw_options *options, dw_test_faults **faults, dw_door **door, dw_error **error);
dw_status dw_test_fault(const dw_test_faults *faults, dw_str kind, dw_error **error);
dw_status dw_test_panic(dw_error **error);
void dw_test_faults_free(dw_test_faults *faults);

int main(void) {
    dw_options options = {0};
    dw_test_faults *faults;
    dw_door *door, *other = memory_door();
    dw_error *error;
    dw_verdict verdict;
    dw_key *key;
    options.struct_size = sizeof options;
    CHECK(dw_test_open_faulty(&options, &faults, &door, NULL) == DW_STATUS_OK);
    dw_session *session = system_session(door), *others = system_session(other);
    create_acme(session);
    create_acme(others);
    dw_created_key *created = create_key(session, "ci");
    dw_str id = dw_key_id(dw_created_key_record(created));
    dw_credentials credentials = token(dw_created_key_token(created));

    failed_as(dw_test_panic(&error), &error, DW_STATUS_INTERNAL, "panicked", "");
    CHECK(dw_test_panic(NULL) == DW_STATUS_INTERNAL);
    CHECK(dw_test_fault(faults, dw_str_from("panic"), NULL) == DW_STATUS_OK);
    failed_as(dw_get_key(session, dw_str_from("acme"), id, &key, &error), &error, DW_STATUS_INTERNAL, "panicked", "");
    CHECK(!key);
    CHECK(dw_verify(door, &credentials, NULL, &verdict, NULL) == DW_STATUS_INTERNAL && verdict.role == DW_ROLE_NONE);
    dw_created_key_free(create_key(others, "unharmed"));
    CHECK(dw_test_fault(faults, dw_str_from("none"), NULL) == DW_STATUS_OK);
    CHECK(dw_verify(door, &credentials, NULL, &verdict, NULL) == DW_STATUS_OK);
    CHECK(dw_get_key(session, dw_str_from("acme"), id, &key, NULL) == DW_STATUS_OK);

    dw_key_free(key);
    dw_created_key_free(created);
    dw_session_free(session), dw_session_free(others);
    dw_close(door, 10000, NULL), dw_close(other, 10000, NULL);
    dw_door_free(door), dw_door_free(other);
    dw_test_faults_free(faults);
    return 0;
}
