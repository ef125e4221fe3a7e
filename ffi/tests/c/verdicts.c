/* What dw_verify writes into a verdict, whatever was there before. Ids that doorward made and ids that the host chose are
 * written in ways of their own. */
#include "check.h"

#define ABSENT ((dw_str){NULL, 0})

int main(void) {
    static const char ROOT[] = "a root token that is certainly long enough";
    dw_setting settings[] = {{dw_str_from("ROOT_API_KEY"), dw_str_from(ROOT)}};
    dw_options options = {0};
    dw_door *opened;
    options.struct_size = sizeof options;
    options.settings = settings, options.settings_len = 1;
    CHECK(dw_open(&options, &opened, NULL) == DW_STATUS_OK);
    dw_session *system = system_session(opened);
    create_acme(system);
    dw_new_institution new = {0};
    dw_institution *made;
    new.struct_size = sizeof new;
    new.name = dw_str_from("Made Bank");
    CHECK(dw_create_institution(system, &new, &made, NULL) == DW_STATUS_OK);
    dw_new_key key = {0};
    dw_created_key *chosen_ones = create_key(system, "ci"), *made_ones, *limited_ones;
    key.struct_size = sizeof key;
    key.label = dw_str_from("ci");
    key.role = DW_ROLE_READ_ONLY;
    CHECK(dw_create_key(system, dw_institution_id(made), &key, &made_ones, NULL) == DW_STATUS_OK);
    /* One request a day, which is taken here. */
    key.rate_limit = (dw_limit){1, 86400000};
    CHECK(dw_create_key(system, dw_institution_id(made), &key, &limited_ones, NULL) == DW_STATUS_OK);
    dw_credentials limited = token(dw_created_key_token(limited_ones));
    CHECK(dw_verify(opened, &limited, NULL, NULL, NULL) == DW_STATUS_OK);
    struct {
        dw_str token, institution_id, key_id;
        dw_role role;
        const char *reason;
    } expected[] = {
        {dw_created_key_token(chosen_ones), dw_str_from("acme"), dw_key_id(dw_created_key_record(chosen_ones)), DW_ROLE_ADMIN, ""},
        {dw_created_key_token(made_ones), dw_institution_id(made), dw_key_id(dw_created_key_record(made_ones)), DW_ROLE_READ_ONLY, ""},
        {dw_str_from(ROOT), ABSENT, ABSENT, DW_ROLE_ROOT, ""},
        {dw_str_from("ak_nobodys"), ABSENT, ABSENT, DW_ROLE_NONE, "unknown"},
        {dw_str_from("\xff"), ABSENT, ABSENT, DW_ROLE_NONE, "malformed"},
        {limited.token, ABSENT, ABSENT, DW_ROLE_NONE, "rate_limited"},
    };
    for (size_t n = 0; n < sizeof expected / sizeof *expected; n++) {
        dw_verdict verdict;
        dw_context *context;
        dw_credentials credentials = token(expected[n].token);
        memset(&verdict, 0x5a, sizeof verdict);
        dw_status status = dw_verify(opened, &credentials, NULL, &verdict, n % 2 ? &context : NULL);
        CHECK(status == verdict.status && (status == DW_STATUS_OK) == !*expected[n].reason);
        CHECK(verdict.role == expected[n].role && is(verdict.reason, expected[n].reason));
        CHECK(status == DW_STATUS_RATE_LIMITED ? verdict.retry_after_ms > 86000000 && verdict.retry_after_ms <= 86400000 : !verdict.retry_after_ms);
        CHECK(verdict.institution_id.len == expected[n].institution_id.len &&
              is(expected[n].institution_id, verdict.institution_id.text));
        CHECK(verdict.key_id.len == expected[n].key_id.len && is(expected[n].key_id, verdict.key_id.text));
        if (n % 2) {
            CHECK(dw_context_role(context) == expected[n].role);
            dw_context_free(context);
        }
    }
    dw_created_key_free(chosen_ones), dw_created_key_free(made_ones), dw_created_key_free(limited_ones);
    dw_institution_free(made);
    dw_session_free(system);
    dw_door_free(opened);
    return 0;
}
