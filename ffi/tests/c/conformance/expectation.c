/* Whether an answer is what a step expects: the expected members must be there and equal, further ones may be. */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *differs(const char *place, const json_t *seen, const json_t *expected) {
    char *saw = seen ? json_dumps(seen, JSON_ENCODE_ANY) : NULL, *wanted = json_dumps(expected, JSON_ENCODE_ANY);
    char *message = formatted("%s: expected %s, saw %s", place, wanted, saw ? saw : "nothing");
    free(saw);
    free(wanted);
    return message;
}

static int holds(const char *place, const json_t *seen, const json_t *expected) {
    char *message = meets(place, seen, expected);
    free(message);
    return !message;
}

/* How many characters of UTF-8. */
static size_t characters(const json_t *text) {
    const char *data = json_string_value(text);
    size_t count = 0;
    for (size_t index = 0; index < json_string_length(text); index++) count += ((unsigned char)data[index] & 0xc0) != 0x80;
    return count;
}

static int is_about(const json_t *seen, const char *offset) {
    long long wanted, year, month, day, hour, minute, second, millis;
    const char *text = json_string_value(seen);
    if (!text || strlen(text) != 24 || text[23] != 'Z' || !offset_of_time(offset, &wanted)) return 0;
    int end = 0;
    if (sscanf(text, "%4lld-%2lld-%2lldT%2lld:%2lld:%2lld.%3lldZ%n", &year, &month, &day, &hour, &minute, &second, &millis, &end) != 7 || end != 24)
        return 0;
    struct tm parts = {.tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day, .tm_hour = (int)hour, .tm_min = (int)minute, .tm_sec = (int)second};
    long long time = (long long)timegm(&parts) * 1000 + millis;
    return llabs(time - wanted) <= 60000;
}

static char *matcher(const char *place, const json_t *seen, const json_t *expected) {
    void *first = json_object_iter((json_t *)expected);
    const char *key = json_object_iter_key(first);
    const json_t *argument = json_object_iter_value(first);
    int good;
    if (json_object_size(expected) != 1) return formatted("%s: not a matcher", place);
    if (!strcmp(key, "$any") && json_is_true(argument)) {
        good = seen && !json_is_null(seen);
    } else if (!strcmp(key, "$prefix") && json_is_string(argument)) {
        size_t len = json_string_length(argument);
        good = json_is_string(seen) && json_string_length(seen) > len && !memcmp(json_string_value(seen), json_string_value(argument), len);
    } else if (!strcmp(key, "$time") && json_is_string(argument)) {
        good = is_about(seen, json_string_value(argument));
    } else if (!strcmp(key, "$length") && json_is_integer(argument)) {
        size_t length = json_is_array(seen) ? json_array_size(seen) : json_is_object(seen) ? json_object_size(seen) : json_is_string(seen) ? characters(seen) : (size_t)-1;
        good = length == (size_t)json_integer_value(argument);
    } else if (!strcmp(key, "$contains") && json_is_array(argument)) {
        good = 1;
        for (size_t wanted = 0; wanted < json_array_size(argument); wanted++) {
            int found = 0;
            for (size_t index = 0; !found && index < json_array_size(seen); index++)
                found = holds(place, json_array_get(seen, index), json_array_get(argument, wanted));
            good = good && found;
        }
    } else if (!strcmp(key, "$without") && json_is_array(argument)) {
        good = 1;
        for (size_t index = 0; index < json_array_size(argument); index++) {
            const char *name = json_string_value(json_array_get(argument, index));
            good = good && name && !json_object_get(seen, name);
        }
    } else if (!strcmp(key, "$atLeast") && json_is_number(argument)) {
        good = json_is_number(seen) && json_number_value(seen) >= json_number_value(argument);
    } else if (!strcmp(key, "$not")) {
        good = !holds(place, seen, argument);
    } else {
        return formatted("%s: not a matcher: %s", place, key);
    }
    return good ? NULL : differs(place, seen, expected);
}

char *meets(const char *place, const json_t *seen, const json_t *expected) {
    const char *key;
    json_t *member;
    if (json_is_object(expected)) {
        json_object_foreach((json_t *)expected, key, member) if (*key == '$') return matcher(place, seen, expected);
        if (!json_is_object(seen)) return differs(place, seen, expected);
        json_object_foreach((json_t *)expected, key, member) {
            const json_t *found = json_object_get(seen, key);
            if (!found) return formatted("%s: has no member %s", place, key);
            char *inner = formatted("%s.%s", place, key), *message = meets(inner, found, member);
            free(inner);
            if (message) return message;
        }
        return NULL;
    }
    if (json_is_array(expected)) {
        if (!json_is_array(seen) || json_array_size(seen) != json_array_size(expected)) return differs(place, seen, expected);
        for (size_t index = 0; index < json_array_size(expected); index++) {
            char *inner = formatted("%s[%zu]", place, index);
            char *message = meets(inner, json_array_get(seen, index), json_array_get(expected, index));
            free(inner);
            if (message) return message;
        }
        return NULL;
    }
    /* A number is a number, however it is written. */
    if (json_is_number(seen) && json_is_number(expected) && json_number_value(seen) == json_number_value(expected)) return NULL;
    return json_equal(seen, expected) ? NULL : differs(place, seen, expected);
}
