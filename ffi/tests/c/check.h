/* CHECK(condition): ends the program, and says where, if the condition does not hold. */
#ifndef CHECK_H
#define CHECK_H

#include <doorward.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

static inline int is(dw_str text, const char *expected) {
    return text.len == strlen(expected) && (!text.len || !memcmp(text.data, expected, text.len));
}

/* The call failed with this status, reason and field ("" if none), and the error object says the same; it is freed. */
static inline void failed_as(dw_status seen, dw_error **place, dw_status status, const char *reason, const char *field) {
    const dw_error *error = *place;
    dw_str message = dw_error_message(error);
    if (seen != status || dw_error_status(error) != status || !is(dw_error_reason(error), reason) || !is(dw_error_field(error), field)) {
        fprintf(stderr, "expected %d %s of '%s', saw %d: %.*s\n", status, reason, field, seen, (int)message.len, message.data ? message.data : "");
        exit(1);
    }
    dw_error_free(*place);
}

/* Puts settings given as SETTING=VALUE into the options, and the parts of these texts into a list that lives as long. */
static inline void set_all(dw_options *options, dw_setting *settings, int len, char **given) {
    options->struct_size = sizeof *options;
    options->settings = settings;
    for (int n = 0; n < len; n++) {
        char *value = strchr(given[n], '=');
        CHECK(value);
        *value = 0;
        settings[options->settings_len++] = (dw_setting){dw_str_from(given[n]), dw_str_from(value + 1)};
    }
}

/* A door in memory. */
static inline dw_door *memory_door(void) {
    dw_options options = {0};
    dw_door *door;
    options.struct_size = sizeof options;
    CHECK(dw_open(&options, &door, NULL) == DW_STATUS_OK);
    return door;
}

static inline dw_session *system_session(const dw_door *door) {
    dw_session *session;
    CHECK(dw_session_system(door, &session, NULL) == DW_STATUS_OK);
    return session;
}

static inline void create_acme(const dw_session *session) {
    dw_new_institution acme = {0};
    dw_institution *institution;
    acme.struct_size = sizeof acme;
    acme.id = dw_str_from("acme");
    acme.name = dw_str_from("Acme Bank");
    CHECK(dw_create_institution(session, &acme, &institution, NULL) == DW_STATUS_OK);
    dw_institution_free(institution);
}

static inline dw_created_key *create_key(const dw_session *session, const char *label) {
    dw_new_key key = {0};
    dw_created_key *created;
    key.struct_size = sizeof key;
    key.label = dw_str_from(label);
    key.role = DW_ROLE_ADMIN;
    CHECK(dw_create_key(session, dw_str_from("acme"), &key, &created, NULL) == DW_STATUS_OK);
    return created;
}

static inline dw_credentials token(dw_str text) {
    dw_credentials credentials = {0};
    credentials.struct_size = sizeof credentials;
    credentials.token = text;
    return credentials;
}

#endif
