/* Values in steps: "${saved.member}" is replaced by what was saved, {"$repeat": ...} and its like by what they make. */
#include "runner.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

char *formatted(const char *format, ...) {
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) abort();
    va_end(arguments);
    return text;
}

/* The member that a path like "k.record.id" or "b.0.token" names; borrowed, NULL if there is none. */
static const json_t *look_up(const json_t *known, const char *path, size_t len) {
    const json_t *value = known;
    while (value != NULL) {
        const char *dot = memchr(path, '.', len);
        size_t part = dot ? (size_t)(dot - path) : len;
        char name[128];
        if (part >= sizeof name) return NULL;
        memcpy(name, path, part);
        name[part] = 0;
        if (json_is_array(value)) {
            char *end;
            unsigned long index = strtoul(name, &end, 10);
            value = *end == 0 ? json_array_get(value, index) : NULL;
        } else {
            value = json_object_get(value, name);
        }
        if (!dot) return value;
        path += part + 1;
        len -= part + 1;
    }
    return NULL;
}

/* Text that grows. */
struct text {
    char *data;
    size_t len, room;
};

static void append(struct text *text, const char *data, size_t len) {
    if (text->len + len >= text->room) {
        text->room = 2 * (text->len + len) + 16;
        text->data = realloc(text->data, text->room);
        if (!text->data) abort();
    }
    memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = 0;
}

static json_t *fill_text(const json_t *value, const json_t *known, char **missing) {
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    /* A text that is one reference becomes the value itself, whatever its type. */
    if (len > 3 && !memcmp(text, "${", 2) && text[len - 1] == '}' && !memchr(text + 2, '$', len - 3)) {
        const json_t *found = look_up(known, text + 2, len - 3);
        if (found) return json_deep_copy(found);
        if (!*missing) *missing = formatted("nothing was saved as %s", text);
        return json_deep_copy(value);
    }
    struct text filled = {0};
    append(&filled, "", 0);
    while (len) {
        const char *begin = memmem(text, len, "${", 2);
        const char *end = begin ? memchr(begin, '}', len - (size_t)(begin - text)) : NULL;
        if (!begin || !end) break;
        append(&filled, text, (size_t)(begin - text));
        const json_t *found = look_up(known, begin + 2, (size_t)(end - begin) - 2);
        if (json_is_string(found)) {
            append(&filled, json_string_value(found), json_string_length(found));
        } else if (found) {
            char *written = json_dumps(found, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
            append(&filled, written, strlen(written));
            free(written);
        } else {
            append(&filled, begin, (size_t)(end - begin) + 1);
            if (!*missing) *missing = formatted("nothing was saved as %.*s", (int)(end - begin) + 1, begin);
        }
        len -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    append(&filled, text, len);
    json_t *answer = json_stringn(filled.data, filled.len);
    free(filled.data);
    return answer;
}

static json_t *fill(const json_t *value, const json_t *known, char **missing) {
    if (json_is_string(value)) return fill_text(value, known, missing);
    if (json_is_array(value)) {
        json_t *list = json_array();
        for (size_t index = 0; index < json_array_size(value); index++)
            json_array_append_new(list, fill(json_array_get(value, index), known, missing));
        return list;
    }
    if (json_is_object(value)) {
        json_t *object = json_object();
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)value, key, member) json_object_set_new(object, key, fill(member, known, missing));
        return object;
    }
    return json_deep_copy(value);
}

json_t *fill_known(const json_t *value, const json_t *known) {
    char *missing = NULL;
    json_t *filled = fill(value, known, &missing);
    free(missing);
    return filled;
}

json_t *fill_all(const json_t *value, const json_t *saved, char **message) {
    json_t *filled = fill(value, saved, message);
    if (!*message) return filled;
    json_decref(filled);
    return NULL;
}

long long now_millis(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* "+1h", "-5m", "+30s", "+0s", "+90d" */
int offset_of_time(const char *offset, long long *millis) {
    char *end;
    if (*offset != '+' && *offset != '-') return 0;
    long long number = strtoll(offset, &end, 10);
    if (end == offset + 1 || end[0] == 0 || end[1] != 0) return 0;
    long long seconds = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 0;
    *millis = now_millis() + number * seconds * 1000;
    return seconds != 0;
}

void write_time(long long millis, char text[32]) {
    time_t seconds = (time_t)(millis / 1000);
    struct tm parts;
    char date[24];
    gmtime_r(&seconds, &parts);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, 32, "%s.%03dZ", date, (int)(millis % 1000));
}

static json_t *not_a_generator(const json_t *value, char **message) {
    char *written = json_dumps(value, JSON_ENCODE_ANY);
    *message = formatted("not a generator: %s", written);
    free(written);
    return NULL;
}

static json_t *repeated(const json_t *value, char **message) {
    json_t *what = json_object_get(value, "$repeat"), *times = json_object_get(value, "times");
    if (json_object_size(value) != 2 || !json_is_integer(times)) return not_a_generator(value, message);
    json_int_t count = json_integer_value(times);
    if (json_is_string(what)) {
        struct text text = {0};
        append(&text, "", 0);
        for (json_int_t n = 0; n < count; n++) append(&text, json_string_value(what), json_string_length(what));
        json_t *answer = json_stringn(text.data, text.len);
        free(text.data);
        return answer;
    }
    if (!json_is_array(what)) return not_a_generator(value, message);
    /* A million items are a few, many times over: made once. */
    json_t *items = generate(what, message), *list = json_array();
    if (!items) {
        json_decref(list);
        return NULL;
    }
    for (json_int_t n = 0; n < count; n++) json_array_extend(list, items);
    json_decref(items);
    return list;
}

static json_t *joined(const json_t *value, char **message) {
    json_t *parts = json_object_get(value, "$concat");
    struct text text = {0};
    append(&text, "", 0);
    for (size_t index = 0; index < json_array_size(parts); index++) {
        json_t *part = generate(json_array_get(parts, index), message);
        if (!json_is_string(part)) {
            json_decref(part);
            free(text.data);
            return *message ? NULL : not_a_generator(value, message);
        }
        append(&text, json_string_value(part), json_string_length(part));
        json_decref(part);
    }
    json_t *answer = json_stringn(text.data, text.len);
    free(text.data);
    return answer;
}

json_t *generate(const json_t *value, char **message) {
    if (json_is_array(value)) {
        json_t *list = json_array();
        for (size_t index = 0; index < json_array_size(value); index++) {
            json_t *item = generate(json_array_get(value, index), message);
            if (!item) {
                json_decref(list);
                return NULL;
            }
            json_array_append_new(list, item);
        }
        return list;
    }
    if (!json_is_object(value)) return json_deep_copy(value);
    if (json_object_get(value, "$repeat")) return repeated(value, message);
    if (json_object_size(value) == 1 && json_is_array(json_object_get(value, "$concat"))) return joined(value, message);
    const json_t *offset = json_object_get(value, "$time");
    if (json_object_size(value) == 1 && json_is_string(offset)) {
        long long millis;
        char text[32];
        if (!offset_of_time(json_string_value(offset), &millis)) return not_a_generator(value, message);
        write_time(millis, text);
        return json_string(text);
    }
    json_t *object = json_object();
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member) {
        json_t *made = *key == '$' ? not_a_generator(value, message) : generate(member, message);
        if (!made) {
            json_decref(object);
            return NULL;
        }
        json_object_set_new(object, key, made);
    }
    return object;
}
