#include "arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void spoil(struct arguments *arguments, char *message) {
    if (arguments->broken) free(message);
    else arguments->broken = message;
}

/* The argument, taken out; borrowed until the arguments are released. NULL if it is not there. */
json_t *take(struct arguments *arguments, const char *name) {
    json_t *value = json_object_get(arguments->left, name);
    if (!value) return NULL;
    if (arguments->taken_len == MOST_FIELDS) abort();
    arguments->taken[arguments->taken_len++] = json_incref(value);
    json_object_del(arguments->left, name);
    return value;
}

void *block(struct arguments *arguments, size_t count, size_t size) {
    if (arguments->blocks_len == MOST_FIELDS) abort();
    void *memory = calloc(count ? count : 1, size);
    if (!memory) abort();
    return arguments->blocks[arguments->blocks_len++] = memory;
}

void release(struct arguments *arguments) {
    while (arguments->taken_len) json_decref(arguments->taken[--arguments->taken_len]);
    while (arguments->blocks_len) free(arguments->blocks[--arguments->blocks_len]);
    json_decref(arguments->left);
}

static dw_str str_of(const json_t *value) {
    dw_str str = {json_string_value(value), json_string_length(value)};
    return str;
}

dw_str text(struct arguments *arguments, const char *name) {
    json_t *value = take(arguments, name);
    dw_str absent = {NULL, 0};
    if (!value || json_is_null(value)) return absent;
    if (!json_is_string(value)) spoil(arguments, formatted("%s must be a text", name));
    return json_is_string(value) ? str_of(value) : absent;
}

/* A JSON document: given as such, or as a text under the same name with Text behind it. */
dw_str json_text(struct arguments *arguments, const char *name) {
    char *with_text = formatted("%sText", name);
    json_t *value = take(arguments, name);
    dw_str written = text(arguments, with_text);
    if (value && written.data) spoil(arguments, formatted("%s is given twice", name));
    if (value) {
        char *dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        if (arguments->blocks_len == MOST_FIELDS || !dumped) abort();
        arguments->blocks[arguments->blocks_len++] = dumped;
        written = dw_str_from(dumped);
    }
    free(with_text);
    return written;
}

dw_strs texts(struct arguments *arguments, const char *name) {
    json_t *value = take(arguments, name);
    dw_strs list = {NULL, 0};
    if (!value) return list;
    size_t len = json_array_size(value);
    dw_str *items = block(arguments, len, sizeof *items);
    for (size_t index = 0; index < len; index++) {
        json_t *item = json_array_get(value, index);
        if (!json_is_string(item)) spoil(arguments, formatted("%s must be a list of texts", name));
        else items[index] = str_of(item);
    }
    if (!json_is_array(value)) spoil(arguments, formatted("%s must be a list", name));
    list.data = items;
    list.len = len;
    return list;
}

int flag(struct arguments *arguments, const char *name) {
    json_t *value = take(arguments, name);
    if (value && !json_is_boolean(value)) spoil(arguments, formatted("%s must be true or false", name));
    return json_is_true(value);
}

const uint64_t *number(struct arguments *arguments, const char *name) {
    json_t *value = take(arguments, name);
    if (!value) return NULL;
    if (!json_is_integer(value) || json_integer_value(value) < 0) spoil(arguments, formatted("%s must be a whole number", name));
    uint64_t *place = block(arguments, 1, sizeof *place);
    *place = (uint64_t)json_integer_value(value);
    return place;
}

/* What is no role has a number that is none. */
int32_t role(struct arguments *arguments) {
    dw_str word = text(arguments, "role");
    if (!word.data) return DW_ROLE_NONE;
    if (word.len == 4 && !memcmp(word.data, "root", 4)) return DW_ROLE_ROOT;
    if (word.len == 5 && !memcmp(word.data, "admin", 5)) return DW_ROLE_ADMIN;
    if (word.len == 9 && !memcmp(word.data, "read_only", 9)) return DW_ROLE_READ_ONLY;
    return 99;
}

/* A number as plain decimal text, without the exponent that scenarios write. */
static char *decimal(const json_t *number) {
    if (json_is_integer(number)) return formatted("%lld", (long long)json_integer_value(number));
    double value = json_real_value(number);
    if (value < 1e15) return formatted("%.15g", value);
    char *written = formatted("%.14e", value); /* 1.23456789012345e+40 */
    int power = atoi(strchr(written, 'e') + 1);
    char *plain = formatted("%c%.14s%0*d", written[0], written + 2, power > 14 ? power - 14 : 1, 0);
    free(written);
    return plain;
}

/* Amounts are decimal text in C; a number of the scenario is written as one. */
dw_position position(struct arguments *arguments, json_t *value) {
    dw_position position = {{NULL, 0}, {NULL, 0}};
    json_t *amount = json_object_get(value, "amount"), *currency = json_object_get(value, "currency");
    if (json_object_size(value) != 2 || !amount || !json_is_string(currency)) {
        spoil(arguments, formatted("a position must have amount and currency alone"));
        return position;
    }
    position.currency = str_of(currency);
    if (json_is_string(amount)) {
        position.amount = str_of(amount);
        return position;
    }
    char *written = decimal(amount);
    if (!json_is_number(amount)) spoil(arguments, formatted("an amount must be a text or a number"));
    if (arguments->blocks_len == MOST_FIELDS) abort();
    arguments->blocks[arguments->blocks_len++] = written;
    position.amount = dw_str_from(written);
    return position;
}

dw_position *positions(struct arguments *arguments, size_t *len) {
    json_t *list = take(arguments, "positions");
    if (!json_is_array(list)) spoil(arguments, formatted("positions must be a list"));
    *len = json_array_size(list);
    dw_position *items = block(arguments, *len, sizeof *items);
    for (size_t index = 0; index < *len; index++) items[index] = position(arguments, json_array_get(list, index));
    return items;
}

dw_limit rate_limit(struct arguments *arguments) {
    json_t *limit = take(arguments, "rateLimit");
    dw_limit none = {0, 0};
    if (!limit || json_is_null(limit)) return none;
    json_t *most = json_object_get(limit, "maxRequests"), *window = json_object_get(limit, "windowMs");
    if (json_object_size(limit) != 2 || !json_is_integer(most) || !json_is_integer(window)) spoil(arguments, formatted("a rate limit must have maxRequests and windowMs alone"));
    return (dw_limit){(uint32_t)json_integer_value(most), (uint32_t)json_integer_value(window)};
}

/* A key to be created, of these members of which none may be left over; or, without any, of the arguments themselves. */
dw_new_key new_key(struct arguments *arguments, json_t *members) {
    json_t *left = arguments->left;
    if (members) arguments->left = json_copy(members);
    dw_new_key key = {0};
    key.struct_size = sizeof key;
    key.label = text(arguments, "label");
    key.role = role(arguments);
    key.expires_at = text(arguments, "expiresAt");
    key.allowed_addresses = texts(arguments, "allowedAddresses");
    key.metadata = json_text(arguments, "metadata");
    key.key_hash = text(arguments, "keyHash");
    key.rate_limit = rate_limit(arguments);
    if (members) {
        if (json_object_size(arguments->left)) spoil(arguments, formatted("a key has a member that is not known"));
        json_decref(arguments->left);
        arguments->left = left;
    }
    return key;
}

dw_new_key *new_keys(struct arguments *arguments, size_t *len) {
    json_t *list = take(arguments, "keys");
    if (!json_is_array(list)) spoil(arguments, formatted("keys must be a list"));
    *len = json_array_size(list);
    dw_new_key *items = block(arguments, *len, sizeof *items);
    for (size_t index = 0; index < *len; index++) {
        /* Long lists are one item many times over. */
        if (index && json_array_get(list, index) == json_array_get(list, index - 1)) items[index] = items[index - 1];
        else items[index] = new_key(arguments, json_array_get(list, index));
    }
    return items;
}

static dw_str bytes_of_hex(struct arguments *arguments, dw_str hex) {
    unsigned char *bytes = block(arguments, hex.len / 2, 1);
    for (size_t index = 0; index + 1 < hex.len; index += 2) {
        char pair[3] = {hex.data[index], hex.data[index + 1], 0};
        char *end;
        bytes[index / 2] = (unsigned char)strtoul(pair, &end, 16);
        if (*end) spoil(arguments, formatted("not pairs of hex digits"));
    }
    dw_str str = {(const char *)bytes, hex.len / 2};
    return str;
}

dw_credentials credentials(struct arguments *arguments) {
    dw_credentials credentials = {0};
    credentials.struct_size = sizeof credentials;
    credentials.token = text(arguments, "token");
    if (credentials.token.data) return credentials;
    dw_str hex = text(arguments, "tokenHex");
    if (hex.data) {
        credentials.token = bytes_of_hex(arguments, hex);
        return credentials;
    }
    json_t *list = take(arguments, "headers");
    if (!json_is_array(list)) spoil(arguments, formatted("token, tokenHex or headers must be given"));
    dw_header *headers = block(arguments, json_array_size(list), sizeof *headers);
    for (size_t index = 0; index < json_array_size(list); index++) {
        json_t *pair = json_array_get(list, index);
        if (json_array_size(pair) != 2) spoil(arguments, formatted("a header must be name and value"));
        headers[index].name = str_of(json_array_get(pair, 0));
        headers[index].value = str_of(json_array_get(pair, 1));
    }
    credentials.headers = headers;
    credentials.headers_len = json_array_size(list);
    return credentials;
}

dw_request request(struct arguments *arguments) {
    dw_request request = {0};
    request.struct_size = sizeof request;
    json_t *members = take(arguments, "request");
    if (!members) return request;
    json_t *left = arguments->left;
    arguments->left = json_copy(members);
    request.method = text(arguments, "method");
    request.path = text(arguments, "path");
    request.request_id = text(arguments, "requestId");
    request.peer = text(arguments, "peer");
    request.forwarded_for = text(arguments, "forwardedFor");
    if (json_object_size(arguments->left)) spoil(arguments, formatted("request has a member that is not known"));
    json_decref(arguments->left);
    arguments->left = left;
    return request;
}

dw_page_request *page_request(struct arguments *arguments) {
    dw_page_request *page = block(arguments, 1, sizeof *page);
    page->struct_size = sizeof *page;
    page->limit = number(arguments, "limit");
    page->cursor = text(arguments, "cursor");
    dw_str order = text(arguments, "order");
    if (!order.data || (order.len == 12 && !memcmp(order.data, "newest_first", 12))) page->order = DW_ORDER_NEWEST_FIRST;
    else if (order.len == 12 && !memcmp(order.data, "oldest_first", 12)) page->order = DW_ORDER_OLDEST_FIRST;
    else spoil(arguments, formatted("not an order: %.*s", (int)order.len, order.data));
    return page;
}
