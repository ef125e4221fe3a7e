/*
 * A gatekeeper: reads requests as lines from standard input and answers each with a line.
 *
 *     TOKEN REGION AMOUNT CURRENCY        allow
 *                                         deny above_max 5000 7000
 *                                         refuse unknown
 *
 * `deny` names each rule that the position violates, with its limit and the value; `refuse` says what is wrong with the caller or
 * the request; `error` that the question could not be answered. Only `allow` lets anybody through. The answers are for the program
 * that asks: its remote caller should hear no more than that the key is missing or invalid.
 *
 * Records are kept in gatekeeper.db, or where DATABASE_URL says (postgres://... or sqlite:PATH). `gatekeeper setup` makes an
 * institution with a key and a policy, and prints the key's token once.
 *
 * Exits with 0 at the end of the input, with the number of the error's kind (a dw_status) if the records cannot be reached at all,
 * with 64 if it was called wrongly, and with 74 if it cannot read or write.
 */
#include <doorward.h>
#include <stdio.h>
#include <stdlib.h>

enum { USAGE = 64, INPUT_OUTPUT = 74, LONGEST_LINE = 1024, WORDS = 4 };

static void print(FILE *out, dw_str text) { fwrite(text.data, 1, text.len, out); }

/* Says what went wrong, and frees the error. Gives the number of its kind: 0 if nothing did. */
static int report(const char *doing, dw_status status, dw_error *error) {
    if (status != DW_STATUS_OK) {
        fprintf(stderr, "gatekeeper: %s: ", doing);
        print(stderr, dw_error_message(error));
        fputc('\n', stderr);
    }
    dw_error_free(error);
    return status;
}

static int open_door(dw_door **door) {
    const char *url = getenv("DATABASE_URL");
    if (!url) url = "sqlite:gatekeeper.db";
    dw_setting settings[] = {
        {dw_str_from("STORE_BACKEND"), dw_str_from(strncmp(url, "postgres", 8) ? "sqlite" : "postgres")},
        {dw_str_from("DATABASE_URL"), dw_str_from(url)},
        {dw_str_from("DOORWARD_DEFAULT_DECISION"), dw_str_from("deny")},
    };
    dw_options options = {0};
    dw_error *error = NULL;
    options.struct_size = sizeof options;
    options.settings = settings;
    options.settings_len = sizeof settings / sizeof *settings;
    dw_status status = dw_open(&options, door, &error);
    return report("opening", status, error);
}

/* An institution, a key for it, and what it may do in the US. */
static int set_up(const dw_door *door) {
    dw_session *session = NULL;
    dw_institution *acme = NULL;
    dw_created_key *created = NULL;
    dw_policy *policy = NULL;
    dw_error *error = NULL;
    dw_str rules = dw_str_from("{\"position\":{\"minAmount\":1,\"maxAmount\":\"5000.00\",\"allowedCurrencies\":[\"USD\",\"EUR\"]}}");
    dw_new_institution institution = {0};
    institution.struct_size = sizeof institution;
    institution.name = dw_str_from("Acme Bank");
    dw_new_key key = {0};
    key.struct_size = sizeof key;
    key.label = dw_str_from("gatekeeper");
    key.role = DW_ROLE_READ_ONLY;

    /* The first that fails ends it; what was not made is NULL, and may be freed. */
    dw_status status = dw_session_system(door, &session, &error);
    if (status == DW_STATUS_OK) status = dw_create_institution(session, &institution, &acme, &error);
    if (status == DW_STATUS_OK) status = dw_create_key(session, dw_institution_id(acme), &key, &created, &error);
    if (status == DW_STATUS_OK) status = dw_upsert_policy(session, dw_institution_id(acme), dw_str_from("US"), rules, NULL, &policy, &error);
    if (status == DW_STATUS_OK) {
        print(stdout, dw_created_key_token(created));
        putchar('\n');
    }
    dw_policy_free(policy);
    dw_created_key_free(created);
    dw_institution_free(acme);
    dw_session_free(session);
    return report("setting up", status, error);
}

/* Of an error that is no refusal it says more beside. */
static void answer_error(dw_status status, const dw_error *error) {
    int refusal = status == DW_STATUS_VALIDATION || status == DW_STATUS_UNAUTHENTICATED || status == DW_STATUS_FORBIDDEN || status == DW_STATUS_NOT_FOUND;
    fputs(refusal ? "refuse " : "error ", stdout);
    print(stdout, dw_error_reason(error));
    if (status == DW_STATUS_VALIDATION) putchar(' '), print(stdout, dw_error_field(error));
    if (refusal) return;
    fputs("gatekeeper: ", stderr);
    print(stderr, dw_error_message(error));
    fputc('\n', stderr);
}

static void answer_decision(const dw_decision *decision) {
    if (dw_decision_allowed(decision)) {
        fputs("allow", stdout);
        return;
    }
    fputs("deny", stdout);
    if (dw_decision_policy(decision) == DW_POLICY_SOURCE_NONE) fputs(" no_policy", stdout);
    if (dw_decision_policy(decision) == DW_POLICY_SOURCE_UNREADABLE) fputs(" unreadable_policy", stdout);
    for (size_t index = 0; index < dw_decision_violations(decision); index++) {
        dw_violation violation = dw_decision_violation(decision, index);
        putchar(' '), print(stdout, violation.code);
        putchar(' '), print(stdout, violation.limit);
        putchar(' '), print(stdout, violation.value);
    }
}

/* The words of a line, of which the first WORDS are kept; gives how many there are. */
static size_t split(const char *line, size_t len, dw_str words[WORDS]) {
    size_t count = 0;
    for (size_t at = 0; at < len;) {
        size_t begin = at;
        while (at < len && !memchr(" \t\r", line[at], 3)) at++;
        if (at > begin && count++ < WORDS) words[count - 1] = (dw_str){line + begin, at - begin};
        while (at < len && memchr(" \t\r", line[at], 3)) at++;
    }
    return count;
}

static void answer(const dw_door *door, const char *line, size_t len) {
    dw_str words[WORDS], own = {NULL, 0}; /* the policy of the caller's own institution */
    dw_credentials credentials = {0};
    dw_decision *decision;
    dw_error *error = NULL;
    if (split(line, len, words) != WORDS) {
        fputs("refuse not_a_request", stdout);
        return;
    }
    dw_position position = {words[2], words[3]};
    credentials.struct_size = sizeof credentials;
    credentials.token = words[0];
    dw_status status = dw_admit(door, &credentials, NULL, own, words[1], position, NULL, &decision, &error);
    if (status == DW_STATUS_OK) answer_decision(decision);
    else answer_error(status, error);
    dw_decision_free(decision);
    dw_error_free(error);
}

/* Reads a line without its end. Gives its length, more than LONGEST_LINE if it is too long, or -1 at the end of the input. */
static int read_line(char line[LONGEST_LINE]) {
    int len = 0, byte;
    while ((byte = getchar()) != EOF && byte != '\n') {
        if (len < LONGEST_LINE) line[len] = (char)byte;
        if (len <= LONGEST_LINE) len++;
    }
    return byte == EOF && !len ? -1 : len;
}

static int serve(const dw_door *door) {
    char line[LONGEST_LINE];
    int len;
    while ((len = read_line(line)) >= 0) {
        if (len > LONGEST_LINE) fputs("refuse too_long", stdout);
        else answer(door, line, (size_t)len);
        putchar('\n');
        /* Whoever asks waits for the answer. */
        if (fflush(stdout)) break;
    }
    if (!ferror(stdin)) return 0;
    fputs("gatekeeper: cannot read standard input\n", stderr);
    return INPUT_OUTPUT;
}

int main(int argc, char **argv) {
    int is_setup = argc == 2 && !strcmp(argv[1], "setup");
    if (argc > 1 && !is_setup) {
        fputs("usage: gatekeeper [setup] <requests\n", stderr);
        return USAGE;
    }
    if (dw_abi_version() != DW_ABI_VERSION) {
        fputs("gatekeeper: the library is not the one of the header\n", stderr);
        return USAGE;
    }
    dw_door *door;
    int code = open_door(&door);
    if (code) return code;
    code = is_setup ? set_up(door) : serve(door);
    if (fflush(stdout) || ferror(stdout)) {
        fputs("gatekeeper: cannot write to standard output\n", stderr);
        if (!code) code = INPUT_OUTPUT;
    }
    dw_error *error = NULL;
    dw_status status = dw_close(door, 5000, &error);
    dw_door_free(door);
    int closed = report("closing", status, error);
    return code ? code : closed;
}
