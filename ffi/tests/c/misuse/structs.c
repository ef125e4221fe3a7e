#include "structs.h"

#define MEMBER(type, member) .name = #member, .offset = offsetof(type, member)
#define SIZE_OF(type) {MEMBER(type, struct_size), .kind = SIZE}
#define TEXT_OF(type, member, required, empty) {MEMBER(type, member), .kind = TEXT, .need = required, .reason = empty}

static void fill_position(void *place) {
    dw_position *position = place;
    position->amount = dw_str_from("10");
    position->currency = dw_str_from("USD");
}

const struct layout POSITION_ASKED = {
    "dw_position",
    sizeof(dw_position),
    fill_position,
    0,
    {
        TEXT_OF(dw_position, amount, REQUIRED, "not_a_decimal"),
        TEXT_OF(dw_position, currency, REQUIRED, "unknown_currency"),
    },
};

static void fill_setting(void *place) {
    dw_setting *setting = place;
    setting->name = dw_str_from("STORE_BACKEND");
    setting->value = dw_str_from("memory");
}

static const struct layout SETTING = {
    "dw_setting",
    sizeof(dw_setting),
    fill_setting,
    0,
    {
        {MEMBER(dw_setting, name), .kind = TEXT, .reason = "unsupported", .status = DW_STATUS_CONFIG},
        {MEMBER(dw_setting, value), .kind = TEXT, .reason = "invalid_variable", .status = DW_STATUS_CONFIG, .field = "STORE_BACKEND"},
    },
};

static void take_event(void *user, const dw_audit_event *event) { (void)user, (void)event; }

static void fill_audit_sink(void *place) {
    dw_audit_sink *sink = place;
    sink->struct_size = sizeof *sink;
    sink->event = take_event;
}

static const struct layout AUDIT_SINK = {
    "dw_audit_sink",
    sizeof(dw_audit_sink),
    fill_audit_sink,
    0,
    {
        SIZE_OF(dw_audit_sink),
        {MEMBER(dw_audit_sink, event), .kind = CALLBACK},
        {MEMBER(dw_audit_sink, user), .kind = USER},
        {MEMBER(dw_audit_sink, user_free), .kind = USER},
    },
};

static void take_record(void *user, const dw_log_record *record) { (void)user, (void)record; }

static void fill_log_sink(void *place) {
    dw_log_sink *sink = place;
    sink->struct_size = sizeof *sink;
    sink->record = take_record;
}

const struct layout LOG_SINK = {
    "dw_log_sink",
    sizeof(dw_log_sink),
    fill_log_sink,
    0,
    {
        SIZE_OF(dw_log_sink),
        {MEMBER(dw_log_sink, record), .kind = CALLBACK},
        {MEMBER(dw_log_sink, user), .kind = USER},
        {MEMBER(dw_log_sink, user_free), .kind = USER},
        {MEMBER(dw_log_sink, level), .kind = ENUM, .need = OPTIONAL, .size = DW_LOG_LEVEL_TRACE + 1, .reason = "invalid_format"},
        {MEMBER(dw_log_sink, reserved), .kind = RESERVED},
    },
};

static void fill_options(void *place) { ((dw_options *)place)->struct_size = sizeof(dw_options); }

#define REST_OF_OPTIONS                                                                                     \
    {MEMBER(dw_options, settings_len), .kind = LENGTH},                                                     \
        {MEMBER(dw_options, memory_audit_capacity), .kind = NUMBER, .size = 8, .reason = "out_of_range"},   \
        {MEMBER(dw_options, audit_authentications), .kind = FLAG, .size = 4},                               \
        {MEMBER(dw_options, audit_reads), .kind = FLAG, .size = 4},                                         \
        {MEMBER(dw_options, audit_sink), .kind = STRUCT, .need = OPTIONAL, .layout = &AUDIT_SINK, .named = "audit_sink.%s"}

const struct layout OPTIONS = {
    "dw_options",
    sizeof(dw_options),
    fill_options,
    40,
    {
        SIZE_OF(dw_options),
        {MEMBER(dw_options, settings), .kind = LIST, .layout = &SETTING, .named = "settings[0].%s"},
        REST_OF_OPTIONS,
    },
};

/* Where the environment is to say, there must be no settings. */
const struct layout FURTHER_OPTIONS = {
    "dw_options",
    sizeof(dw_options),
    fill_options,
    40,
    {
        SIZE_OF(dw_options),
        {MEMBER(dw_options, settings), .kind = LIST, .reason = "invalid_format"},
        REST_OF_OPTIONS,
    },
};

static void fill_header(void *place) {
    dw_header *header = place;
    header->name = dw_str_from("x-api-key");
    header->value = given.token;
}

static const struct layout HEADER = {
    "dw_header",
    sizeof(dw_header),
    fill_header,
    0,
    {
        {MEMBER(dw_header, name), .kind = NAME},
        {MEMBER(dw_header, value), .kind = VALUE},
    },
};

static void fill_credentials(void *place) {
    dw_credentials *credentials = place;
    credentials->struct_size = sizeof *credentials;
    credentials->token = given.token;
}

const struct layout CREDENTIALS = {
    "dw_credentials",
    sizeof(dw_credentials),
    fill_credentials,
    0,
    {
        SIZE_OF(dw_credentials),
        {MEMBER(dw_credentials, token), .kind = TOKEN},
        {MEMBER(dw_credentials, headers), .kind = LIST, .reason = "missing", .status = DW_STATUS_UNAUTHENTICATED, .field = "", .layout = &HEADER, .named = "headers[0].%s"},
        {MEMBER(dw_credentials, headers_len), .kind = LENGTH},
    },
};

static void fill_request(void *place) { ((dw_request *)place)->struct_size = sizeof(dw_request); }

const struct layout REQUEST = {
    "dw_request",
    sizeof(dw_request),
    fill_request,
    0,
    {
        SIZE_OF(dw_request),
        TEXT_OF(dw_request, method, OPTIONAL, NULL),
        TEXT_OF(dw_request, path, OPTIONAL, NULL),
        TEXT_OF(dw_request, request_id, OPTIONAL, NULL),
        TEXT_OF(dw_request, peer, OPTIONAL, "invalid_format"),
        TEXT_OF(dw_request, forwarded_for, OPTIONAL, NULL),
    },
};

static void fill_new_institution(void *place) {
    dw_new_institution *institution = place;
    institution->struct_size = sizeof *institution;
    institution->name = dw_str_from("Acme Bank");
}

const struct layout NEW_INSTITUTION = {
    "dw_new_institution",
    sizeof(dw_new_institution),
    fill_new_institution,
    0,
    {
        SIZE_OF(dw_new_institution),
        TEXT_OF(dw_new_institution, id, OPTIONAL, "empty"),
        TEXT_OF(dw_new_institution, name, REQUIRED, "empty"),
        {MEMBER(dw_new_institution, regions), .kind = TEXTS, .reason = "unknown_region"},
    },
};

static void fill_institution_patch(void *place) { ((dw_institution_patch *)place)->struct_size = sizeof(dw_institution_patch); }

const struct layout INSTITUTION_PATCH = {
    "dw_institution_patch",
    sizeof(dw_institution_patch),
    fill_institution_patch,
    0,
    {
        SIZE_OF(dw_institution_patch),
        TEXT_OF(dw_institution_patch, name, OPTIONAL, "empty"),
        {MEMBER(dw_institution_patch, regions), .kind = TEXTS, .reason = "unknown_region"},
    },
};

static void fill_new_key(void *place) {
    dw_new_key *key = place;
    key->struct_size = sizeof *key;
    key->label = dw_str_from("ci");
    key->role = DW_ROLE_READ_ONLY;
}

static void fill_imported_key(void *place) {
    fill_new_key(place);
    ((dw_new_key *)place)->key_hash = dw_str_from("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
}

#define KEY_MEMBERS(hash)                                                                             \
    {                                                                                                 \
        SIZE_OF(dw_new_key), TEXT_OF(dw_new_key, label, REQUIRED, "empty"),                           \
            {MEMBER(dw_new_key, role), .kind = ENUM, .size = 4, .reason = "unknown_role"},                       \
            {MEMBER(dw_new_key, reserved), .kind = RESERVED},                                         \
            TEXT_OF(dw_new_key, expires_at, OPTIONAL, "invalid_format"),                              \
            {MEMBER(dw_new_key, allowed_addresses), .kind = TEXTS, .reason = "invalid_format"},       \
            TEXT_OF(dw_new_key, metadata, OPTIONAL, "invalid_json"),                                  \
            TEXT_OF(dw_new_key, key_hash, hash, "invalid_format"),                                    \
            {MEMBER(dw_new_key, rate_limit), .kind = LIMIT},                                          \
    }

const struct layout NEW_KEY = {"dw_new_key", sizeof(dw_new_key), fill_new_key, 96, KEY_MEMBERS(OPTIONAL)};
const struct layout IMPORTED_KEY = {"dw_new_key", sizeof(dw_new_key), fill_imported_key, 96, KEY_MEMBERS(REQUIRED)};

static void fill_key_patch(void *place) { ((dw_key_patch *)place)->struct_size = sizeof(dw_key_patch); }

const struct layout KEY_PATCH = {
    "dw_key_patch",
    sizeof(dw_key_patch),
    fill_key_patch,
    88,
    {
        SIZE_OF(dw_key_patch),
        TEXT_OF(dw_key_patch, label, OPTIONAL, "empty"),
        TEXT_OF(dw_key_patch, expires_at, OPTIONAL, "invalid_format"),
        {MEMBER(dw_key_patch, allowed_addresses), .kind = TEXTS, .reason = "invalid_format"},
        TEXT_OF(dw_key_patch, metadata, OPTIONAL, "invalid_json"),
        {MEMBER(dw_key_patch, expected_version), .kind = POINTER, .reason = "version_mismatch", .status = DW_STATUS_CONFLICT},
        {MEMBER(dw_key_patch, removes_expiry), .kind = FLAG, .size = 8},
        {MEMBER(dw_key_patch, rate_limit), .kind = LIMIT},
        {MEMBER(dw_key_patch, removes_rate_limit), .kind = FLAG, .size = 8},
    },
};

static void fill_key_query(void *place) { ((dw_key_query *)place)->struct_size = sizeof(dw_key_query); }

const struct layout KEY_QUERY = {
    "dw_key_query",
    sizeof(dw_key_query),
    fill_key_query,
    0,
    {
        SIZE_OF(dw_key_query),
        {MEMBER(dw_key_query, role), .kind = ENUM, .need = OPTIONAL, .size = 4, .reason = "unknown_role"},
        {MEMBER(dw_key_query, status), .kind = ENUM, .need = OPTIONAL, .size = 5, .reason = "invalid_format"},
        {MEMBER(dw_key_query, include_revoked), .kind = FLAG, .size = 8},
    },
};

static void fill_audit_query(void *place) { ((dw_audit_query *)place)->struct_size = sizeof(dw_audit_query); }

const struct layout AUDIT_QUERY = {
    "dw_audit_query",
    sizeof(dw_audit_query),
    fill_audit_query,
    0,
    {
        SIZE_OF(dw_audit_query),
        TEXT_OF(dw_audit_query, institution_id, OPTIONAL, "empty"),
        TEXT_OF(dw_audit_query, actor, OPTIONAL, NULL),
        TEXT_OF(dw_audit_query, action, OPTIONAL, NULL),
        TEXT_OF(dw_audit_query, since, OPTIONAL, "invalid_format"),
        TEXT_OF(dw_audit_query, until, OPTIONAL, "invalid_format"),
    },
};

static void fill_page_request(void *place) { ((dw_page_request *)place)->struct_size = sizeof(dw_page_request); }

const struct layout PAGE_REQUEST = {
    "dw_page_request",
    sizeof(dw_page_request),
    fill_page_request,
    0,
    {
        SIZE_OF(dw_page_request),
        TEXT_OF(dw_page_request, cursor, OPTIONAL, "invalid_cursor"),
        {MEMBER(dw_page_request, limit), .kind = POINTER, .reason = "out_of_range"},
        {MEMBER(dw_page_request, order), .kind = ENUM, .need = OPTIONAL, .size = 2, .reason = "invalid_format"},
        {MEMBER(dw_page_request, reserved), .kind = RESERVED},
    },
};
