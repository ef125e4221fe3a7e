/* The misuses of each kind of place. One place is spoiled at a time, while everything else is good. */
#include "suite.h"

#include <stdalign.h>

/* The parameter that is being misused, and the list or struct among it or its members; what they point to is in these. */
static const struct place *parameter, *list, *length, *inner;
static int list_is_member;
static alignas(16) unsigned char structure[8192], items[8192], inner_structure[8192];

static void put(void *base, const struct place *place, const void *value, size_t size) { memcpy((char *)base + place->offset, value, size); }
static void point(void *base, const struct place *place, const void *target) { put(base, place, &target, sizeof target); }

/* Where a place lies: among the parameters, in the struct that the parameter points to or that a member of it points to, or in
   the first item of the list. */
static void *in_call(void) { return &given; }

static void *in_position(void) { return (char *)&given + parameter->offset; }

static void *in_struct(void) {
    memset(structure, 0, sizeof structure);
    parameter->layout->fill(structure);
    point(&given, parameter, structure);
    return structure;
}

static void *in_inner(void) {
    memset(inner_structure, 0, sizeof inner_structure);
    inner->layout->fill(inner_structure);
    point(in_struct(), inner, inner_structure);
    return inner_structure;
}

static void *owner_of_list(void) { return list_is_member ? in_struct() : in_call(); }

static void *in_item(void) {
    void *owner = owner_of_list();
    size_t one = 1;
    /* Where a token is given headers do not count. */
    if (!strcmp(list->name, "headers")) ((dw_credentials *)owner)->token = ABSENT;
    memset(items, 0, sizeof items);
    if (list->layout) list->layout->fill(items);
    point(owner, list, items);
    put(owner, length, &one, sizeof one);
    return items;
}

typedef void *base(void);

/* A value in a place, and what comes of it: refused, or accepted if there is no reason. */
static void try(base *base, const struct place *place, const void *value, size_t size, const char *what, dw_status status, const char *reason, const char *field) {
    struct given kept = given;
    char misuse[128];
    snprintf(misuse, sizeof misuse, "%s: %s", field, what);
    put(base(), place, value, size);
    if (reason) {
        refused(misuse, status ? status : DW_STATUS_VALIDATION, reason, status == DW_STATUS_UNAUTHENTICATED ? "" : field);
        given = kept;
    } else {
        accepted(misuse);
    }
}

/* ---- texts ---- */

static const dw_str ABSENT_TEXT = {NULL, 0}, NOWHERE = {NULL, 5}, NOT_UTF8 = {"\xff\xfe", 2}, HUGE = {"x", SIZE_MAX}, LARGE = {"x", (size_t)1 << 40},
                    TOO_LONG = {"x", ((size_t)1 << 20) + 1}, TOO_MANY_BYTES = {"\xff", SIZE_MAX / 2};
/* A length of 0 reads nothing, wherever the pointer points. */
#define DANGLING ((dw_str){(const char *)(uintptr_t)1, 0})

static void misuse_text(base *base, const struct place *place, const char *field) {
    const char *too_long = place->kind == TOKEN ? "malformed" : "too_long";
    const char *not_utf8 = place->kind == TEXT ? "not_utf8" : place->kind == NAME ? "missing" : "malformed";
    const char *missing = place->kind == TEXT ? "required" : "missing", *empty = place->kind == TEXT ? place->reason : "missing";
    dw_status refusal = place->kind == TEXT ? DW_STATUS_VALIDATION : DW_STATUS_UNAUTHENTICATED;
    dw_status of_length = place->kind == TOKEN ? refusal : DW_STATUS_VALIDATION, of_empty = place->kind == TEXT ? place->status : refusal;
    dw_str dangling = DANGLING;
    try(base, place, &NOWHERE, sizeof NOWHERE, "NULL with a length", 0, "required", field);
    try(base, place, &NOT_UTF8, sizeof NOT_UTF8, "not UTF-8", refusal, not_utf8, field);
    try(base, place, &HUGE, sizeof HUGE, "SIZE_MAX bytes", of_length, too_long, field);
    try(base, place, &TOO_MANY_BYTES, sizeof TOO_MANY_BYTES, "PTRDIFF_MAX bytes", of_length, too_long, field);
    try(base, place, &LARGE, sizeof LARGE, "2^40 bytes", of_length, too_long, field);
    try(base, place, &TOO_LONG, sizeof TOO_LONG, "a byte too many", of_length, too_long, field);
    try(base, place, &ABSENT_TEXT, sizeof ABSENT_TEXT, "absent", refusal, place->need == OPTIONAL ? NULL : missing, field);
    try(base, place, &dangling, sizeof dangling, "a dangling pointer and no length", of_empty, empty, place->field ? place->field : field);
    covered("dw_str", "data len");
}

static void misuse_texts(base *base, const struct place *place, const char *field) {
    const dw_str *aligned = (const dw_str *)(uintptr_t)alignof(dw_str), *odd = (const dw_str *)(uintptr_t)1;
    const dw_strs none = {aligned, 0}, nowhere = {NULL, 3}, huge = {aligned, SIZE_MAX}, many = {aligned, 1000001}, misaligned = {odd, 1};
    try(base, place, &none, sizeof none, "a dangling pointer and no length", 0, NULL, field);
    try(base, place, &nowhere, sizeof nowhere, "NULL with a length", 0, "required", field);
    try(base, place, &huge, sizeof huge, "SIZE_MAX texts", 0, "too_long", field);
    try(base, place, &many, sizeof many, "a text too many", 0, "too_long", field);
    try(base, place, &misaligned, sizeof misaligned, "not aligned", 0, "invalid_format", field);
    covered("dw_strs", "data len");
    /* A bad one among them. */
    const struct {
        dw_str text;
        const char *reason;
    } bad[] = {{ABSENT_TEXT, "required"}, {NOWHERE, "required"}, {NOT_UTF8, "not_utf8"}, {HUGE, "too_long"}, {DANGLING, place->reason}};
    for (size_t index = 0; index < sizeof bad / sizeof *bad; index++) {
        char first[96];
        snprintf(first, sizeof first, "%s[0]", field);
        const dw_strs texts = {&bad[index].text, 1};
        try(base, place, &texts, sizeof texts, "a bad text", 0, bad[index].reason, first);
    }
}

/* ---- numbers ---- */

static void misuse_enum(base *base, const struct place *place, const char *field) {
    const int32_t numbers[] = {-1, INT32_MIN, INT32_MAX, (int32_t)place->size, DW_ROLE_NONE, DW_ROLE_ROOT};
    /* No key has the role of root; where any will do 0 says so. */
    size_t len = place->need == REQUIRED ? 6 : 4;
    for (size_t index = 0; index < len; index++) try(base, place, &numbers[index], sizeof *numbers, "a number that is none", 0, place->reason, field);
}

static void misuse_limit(base *base, const struct place *place, const char *field) {
    const struct {
        dw_limit limit;
        const char *bad;
    } limits[] = {
        {{0, 1000}, "max_requests"}, {{1000001, 1000}, "max_requests"}, {{UINT32_MAX, UINT32_MAX}, "max_requests"}, {{1, 0}, "window_ms"},
        {{1, 86400001}, "window_ms"}, {{1, UINT32_MAX}, "window_ms"}, {{0, 0}, NULL}, {{1000000, 86400000}, NULL},
    };
    char member[96];
    for (size_t index = 0; index < sizeof limits / sizeof *limits; index++) {
        snprintf(member, sizeof member, "%s.%s", field, limits[index].bad ? limits[index].bad : "good");
        try(base, place, &limits[index].limit, sizeof(dw_limit), "a limit", 0, limits[index].bad ? "out_of_range" : NULL, member);
    }
    covered("dw_limit", "max_requests window_ms");
}

static void misuse_pointer(base *base, const struct place *place, const char *field) {
    static const uint64_t numbers[2] = {UINT64_MAX, UINT64_MAX};
    const uint64_t *beyond = numbers, *nowhere = NULL, *misaligned = (const uint64_t *)(const void *)((const char *)numbers + 1);
    try(base, place, &nowhere, sizeof nowhere, "NULL", 0, NULL, field);
    try(base, place, &misaligned, sizeof misaligned, "not aligned", 0, "invalid_format", field);
    try(base, place, &beyond, sizeof beyond, "UINT64_MAX", place->status, place->reason, field);
}

/* ---- structs ---- */

static void misuse_place(base *base, const struct place *place, const char *named);

/* A good struct, with this size. */
static void larger(base *base, const struct place *place, size_t size, unsigned char grown[4096]) {
    struct given kept = given;
    memcpy(grown, base(), 4096);
    put(grown, place, &size, sizeof size);
    given = kept;
}

/* Sizes that no version of the struct has, and members that this version does not know. */
static void misuse_size(base *base, const struct place *place, const struct layout *layout, const char *name) {
    const size_t wrong[] = {0, 1, 4095, 4097, SIZE_MAX}, right[] = {layout->size + 8, 4096};
    const size_t first = layout->first ? layout->first : layout->size;
    const struct place whole = {.name = "whole"};
    unsigned char grown[4096];
    char field[80];
    snprintf(field, sizeof field, "%s.struct_size", name);
    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++) try(base, place, &wrong[index], sizeof *wrong, "a wrong size", 0, "out_of_range", field);
    /* Part of a member, before the first version, after this one and between the two. */
    for (size_t size = first - 7; size < layout->size + 8; size++)
        if (size % alignof(size_t)) try(base, place, &size, sizeof size, "a size that no struct has", 0, "out_of_range", field);
    if (first < layout->size) try(base, place, &first, sizeof first, "the first version's size", 0, NULL, field);
    for (size_t index = 0; index < sizeof right / sizeof *right; index++) {
        larger(base, place, right[index], grown);
        try(base, &whole, grown, right[index], "a larger struct, whose tail is zero", 0, NULL, name);
        larger(base, place, right[index], grown);
        grown[right[index] - 1] = 1;
        try(base, &whole, grown, right[index], "a larger struct, whose tail is not zero", DW_STATUS_CONFIG, "unsupported", name);
    }
}

static void misuse_members(base *base, const struct layout *layout, const char *named, const char *name) {
    char names[512] = "";
    for (const struct place *member = layout->members; member->name; member++) {
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", *names ? " " : "", member->name);
        if (member->kind == SIZE) misuse_size(base, member, layout, name);
        else misuse_place(base, member, named);
    }
    covered(layout->name, names);
}

static void misuse_struct(base *owner, base *inside, const struct place *place) {
    const void *nowhere = NULL, *misaligned = structure + 1;
    try(owner, place, &nowhere, sizeof nowhere, "NULL", 0, place->need == OPTIONAL ? NULL : "required", place->name);
    try(owner, place, &misaligned, sizeof misaligned, "not aligned", 0, "invalid_format", place->name);
    misuse_members(inside, place->layout, place->named, place->name);
}

static void misuse_inner(const struct place *place) {
    inner = place;
    misuse_struct(in_struct, in_inner, place);
}

/* ---- lists ---- */

static void try_list(const void *data, size_t len, const char *what, dw_status status, const char *reason, const char *field) {
    struct given kept = given;
    in_item();
    void *owner = list_is_member ? (void *)structure : in_call();
    point(owner, list, data);
    put(owner, length, &len, sizeof len);
    if (reason) {
        refused(what, status ? status : DW_STATUS_VALIDATION, reason, field);
        given = kept;
    } else {
        accepted(what);
    }
}

/* The length is the place behind the list. */
static void misuse_list(const struct place *place, const struct place *its_length, int is_member) {
    const void *dangling = (const void *)(uintptr_t)1;
    char first[80];
    snprintf(first, sizeof first, "%s[0]", place->name);
    list = place, length = its_length, list_is_member = is_member;
    if (!place->layout) {
        try_list(items, 1, "a list where none may be", 0, place->reason, place->name);
        try_list(NULL, 1, "NULL with a length", 0, place->reason, place->name);
        try_list(dangling, 0, "a dangling pointer and no length", 0, NULL, place->name);
        return;
    }
    int sized = place->layout->members[0].kind == SIZE;
    try_list(NULL, 1, "NULL with a length", 0, "required", place->name);
    try_list(items, SIZE_MAX, "SIZE_MAX items", 0, "too_long", place->name);
    try_list(items, 1000001, "an item too many", 0, "too_long", place->name);
    try_list(items + 1, 1, "items that are not aligned", 0, "invalid_format", sized ? first : place->name);
    try_list(dangling, 0, "a dangling pointer and no length", place->status, place->reason, place->field ? place->field : place->name);
    misuse_members(in_item, place->layout, place->named, first);
}

/* ---- the rest ---- */

static void misuse_place(base *base, const struct place *place, const char *named) {
    const uint64_t most = UINT64_MAX;
    const int32_t zero[] = {1, -1, INT32_MAX};
    const void *nowhere = NULL;
    char field[80];
    snprintf(field, sizeof field, named, place->name);
    switch (place->kind) {
    case TEXT:
    case TOKEN:
    case NAME:
    case VALUE: misuse_text(base, place, field); break;
    case TEXTS: misuse_texts(base, place, field); break;
    case LIST: misuse_list(place, place + 1, 1); break;
    case STRUCT: misuse_inner(place); break;
    case LENGTH: break; /* together with its list */
    case ENUM: misuse_enum(base, place, field); break;
    case LIMIT: misuse_limit(base, place, field); break;
    case NUMBER: try(base, place, &most, place->size, "the greatest number", 0, place->reason, place->field ? place->field : field); break;
    case FLAG: try(base, place, &most, place->size, "all bits", 0, NULL, field); break;
    case RESERVED:
        for (size_t index = 0; index < 3; index++) try(base, place, &zero[index], sizeof *zero, "not 0", 0, "out_of_range", field);
        break;
    case POINTER: misuse_pointer(base, place, field); break;
    case OBJECT:
    case CALLBACK: try(base, place, &nowhere, sizeof nowhere, "NULL", 0, "required", field); break;
    case USER: try(base, place, &nowhere, sizeof nowhere, "NULL", 0, NULL, field); break;
    case ERROR: try(base, place, &nowhere, sizeof nowhere, "NULL", 0, NULL, field); break;
    default: abort();
    }
}

/* A place for an answer is a member of another kind: which of the two it is stands for its offset. */
static void misuse_out(const struct place *place) {
    const struct place pointer = {.name = place->name, .offset = offsetof(struct given, out) + place->offset * sizeof given.out[0]};
    const void *nowhere = NULL;
    try(in_call, &pointer, &nowhere, sizeof nowhere, "NULL", 0, place->need == OPTIONAL ? NULL : "required", place->name);
}

void misuse(const struct place *const *place) {
    parameter = *place;
    switch (parameter->kind) {
    case STRUCT: misuse_struct(in_call, in_struct, parameter); break;
    case LIST: misuse_list(parameter, place[1], 0); break;
    case POSITION: misuse_members(in_position, parameter->layout, parameter->named, parameter->name); break;
    case OUT:
    case VERDICT: misuse_out(parameter); break;
    default: misuse_place(in_call, parameter, "%s");
    }
}
