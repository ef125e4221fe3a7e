/*
 * A gatekeeper: reads requests as lines from standard input and answers each with a line.
 *
 *     TOKEN REGION AMOUNT CURRENCY        allow
 *                                         deny above_max 5000 7000
 *                                         refuse unknown
 *
 * Records are kept in gatekeeper.db, or where DATABASE_URL says (postgres://... or sqlite:PATH). `gatekeeper setup` makes an
 * institution with a key and a policy, and prints the key's token once.
 */
#include <doorward.h>
#include <stdio.h>
#include <stdlib.h>

static void print(FILE *out, dw_str text) { fwrite(text.data, 1, text.len, out); }

/* Says what went wrong, and ends the program with the number of the error's kind. */
static void ends(const char *doing, dw_status status, dw_error *error) {
    if (status == DW_STATUS_OK) return;
    fprintf(stderr, "gatekeeper: %s: ", doing);
    print(stderr, dw_error_message(error));
    fputc('\n', stderr);
    dw_error_free(error);
    exit(status);
}

static dw_door *opened(void) {
    const char *url = getenv("DATABASE_URL");
    if (!url) url = "sqlite:gatekeeper.db";
    dw_setting settings[] = {
        {dw_str_from("STORE_BACKEND"), dw_str_from(strncmp(url, "postgres", 8) ? "sqlite" : "postgres")},
        {dw_str_from("DATABASE_URL"), dw_str_from(url)},
        {dw_str_from("DOORWARD_DEFAULT_DECISION"), dw_str_from("deny")},
    };
    dw_options options = {0};
    dw_door *door;
    dw_error *error = NULL;
    options.struct_size = sizeof options;
    options.settings = settings;
    options.settings_len = sizeof settings / sizeof *settings;
    ends("opening", dw_open(&options, &door, &error), error);
    return door;
}

/* An institution, a key for it, and what it may do in the US. */
static void set_up(const dw_door *door) {
    dw_session *session;
    dw_institution *acme;
    dw_created_key *created;
    dw_policy *policy;
    dw_error *error = NULL;
    ends("setting up", dw_session_system(door, &session, &error), error);

    dw_new_institution institution = {0};
    institution.struct_size = sizeof institution;
    institution.name = dw_str_from("Acme Bank");
    ends("creating the institution", dw_create_institution(session, &institution, &acme, &error), error);

    dw_new_key key = {0};
    key.struct_size = sizeof key;
    key.label = dw_str_from("gatekeeper");
    key.role = DW_ROLE_READ_ONLY;
    ends("creating the key", dw_create_key(session, dw_institution_id(acme), &key, &created, &error), error);

    dw_str rules = dw_str_from("{\"position\":{\"minAmount\":1,\"maxAmount\":\"5000.00\",\"allowedCurrencies\":[\"USD\",\"EUR\"]}}");
    ends("setting the policy", dw_upsert_policy(session, dw_institution_id(acme), dw_str_from("US"), rules, NULL, &policy, &error), error);

    print(stdout, dw_created_key_token(created));
    putchar('\n');
    dw_policy_free(policy);
    dw_created_key_free(created);
    dw_institution_free(acme);
    dw_session_free(session);
}

static void answer(const dw_door *door, const char *token, const char *region, const char *amount, const char *currency) {
    dw_credentials credentials = {0};
    dw_position position = {dw_str_from(amount), dw_str_from(currency)};
    dw_str own = {NULL, 0}; /* the policy of the caller's own institution */
    dw_decision *decision;
    dw_error *error = NULL;
    credentials.struct_size = sizeof credentials;
    credentials.token = dw_str_from(token);
    if (dw_admit(door, &credentials, NULL, own, dw_str_from(region), position, NULL, &decision, &error) != DW_STATUS_OK) {
        fputs("refuse ", stdout);
        print(stdout, dw_error_reason(error));
    } else if (dw_decision_allowed(decision)) {
        fputs("allow", stdout);
    } else {
        fputs("deny", stdout);
        if (dw_decision_policy(decision) == DW_POLICY_SOURCE_NONE) fputs(" no_policy", stdout);
        for (size_t index = 0; index < dw_decision_violations(decision); index++) {
            dw_violation violation = dw_decision_violation(decision, index);
            putchar(' '), print(stdout, violation.code);
            putchar(' '), print(stdout, violation.limit);
            putchar(' '), print(stdout, violation.value);
        }
    }
    putchar('\n');
    fflush(stdout);
    dw_decision_free(decision);
    dw_error_free(error);
}

int main(int argc, char **argv) {
    if (dw_abi_version() != DW_ABI_VERSION) {
        fputs("gatekeeper: the library is not the one of the header\n", stderr);
        return 64;
    }
    dw_door *door = opened();
    if (argc > 1 && !strcmp(argv[1], "setup")) {
        set_up(door);
    } else {
        char line[1024], token[513], region[17], amount[129], currency[9];
        while (fgets(line, sizeof line, stdin)) {
            if (sscanf(line, "%512s %16s %128s %8s", token, region, amount, currency) == 4) answer(door, token, region, amount, currency);
            else puts("refuse not_a_request");
        }
    }
    dw_error *error = NULL;
    dw_status status = dw_close(door, 5000, &error);
    dw_door_free(door);
    ends("closing", status, error);
    return 0;
}
