/* vectors FOLDER SETTING=VALUE...: reproduces every fact of the folder on the store of these settings. */
#include "facts.h"

#include <dirent.h>

static struct setting store[8];
static size_t store_len;

dw_str text_of(const json_t *value) {
    CHECK(json_is_string(value));
    return (dw_str){json_string_value(value), json_string_length(value)};
}

void only(const json_t *fact, const char *const *members) {
    const char *key;
    json_t *value;
    FACT(fact, json_is_object(fact));
    json_object_foreach((json_t *)fact, key, value) {
        const char *const *known = members;
        while (*known && strcmp(*known, key)) known++;
        FACT(fact, *known && "no member that is not known");
    }
}

struct place enter(const struct setting *settings, size_t len) {
    struct place place = {0};
    dw_setting all[16];
    dw_options options = {0};
    dw_error *error = NULL;
    options.struct_size = sizeof options;
    options.settings = all;
    CHECK(store_len + len <= sizeof all / sizeof *all);
    for (size_t index = 0; index < store_len + len; index++) {
        const struct setting *setting = index < store_len ? &store[index] : &settings[index - store_len];
        all[options.settings_len++] = (dw_setting){dw_str_from(setting->name), dw_str_from(setting->value)};
    }
    if (dw_open(&options, &place.door, &error) != DW_STATUS_OK) {
        dw_str message = dw_error_message(error);
        fprintf(stderr, "the door does not open: %.*s\n", (int)message.len, message.data);
        exit(1);
    }
    place.session = system_session(place.door);
    dw_new_institution made = {0};
    made.struct_size = sizeof made;
    made.name = dw_str_from("Facts");
    CHECK(dw_create_institution(place.session, &made, &place.institution, NULL) == DW_STATUS_OK);
    place.id = dw_institution_id(place.institution);
    return place;
}

void leave(struct place *place) {
    dw_institution_free(place->institution);
    dw_session_free(place->session);
    CHECK(dw_close(place->door, 10000, NULL) == DW_STATUS_OK);
    dw_door_free(place->door);
}

dw_key *import(const struct place *place, dw_str hash) {
    dw_new_key made = {0};
    dw_import_report *report;
    dw_page *page;
    dw_key *key;
    made.struct_size = sizeof made;
    made.label = dw_str_from("fact");
    made.role = DW_ROLE_READ_ONLY;
    made.key_hash = hash;
    CHECK(dw_import_keys(place->session, place->id, &made, 1, 0, &report, NULL) == DW_STATUS_OK && dw_import_report_imported(report) == 1);
    dw_import_report_free(report);
    CHECK(dw_list_keys(place->session, place->id, NULL, NULL, &page, NULL) == DW_STATUS_OK);
    CHECK(dw_get_key(place->session, place->id, dw_key_id(dw_page_key_at(page, 0)), &key, NULL) == DW_STATUS_OK);
    dw_page_free(page);
    return key;
}

int decides(const dw_decision *decision, const json_t *codes) {
    size_t len = json_array_size(codes);
    if (dw_decision_violations(decision) != len || dw_decision_allowed(decision) != (len == 0)) return 0;
    for (size_t index = 0; index < len; index++)
        if (!is(dw_decision_violation(decision, index).code, json_string_value(json_array_get(codes, index)))) return 0;
    return 1;
}

static int is_json(const struct dirent *entry) {
    size_t len = strlen(entry->d_name);
    return len > 5 && !strcmp(entry->d_name + len - 5, ".json");
}

int main(int argc, char **argv) {
    static const struct {
        const char *file;
        size_t (*reproduce)(const json_t *facts);
    } FILES[] = {{"addresses.json", address_facts}, {"amounts.json", amount_facts}, {"credentials.json", credential_facts}, {"policies.json", policy_facts}, {"tokens.json", token_facts}};
    enum { FILES_LEN = sizeof FILES / sizeof *FILES };
    CHECK(argc > 1 && argc - 2 <= (int)(sizeof store / sizeof *store));
    for (int n = 2; n < argc; n++) {
        char *value = strchr(argv[n], '=');
        CHECK(value);
        *value = 0;
        store[store_len++] = (struct setting){argv[n], value + 1};
    }
    struct dirent **files;
    int count = scandir(argv[1], &files, is_json, alphasort);
    CHECK(count == FILES_LEN && "a runner for each file, and a file for each runner");
    for (int file = 0; file < count; file++) {
        char path[4096];
        json_error_t wrong;
        CHECK(!strcmp(files[file]->d_name, FILES[file].file));
        snprintf(path, sizeof path, "%s/%s", argv[1], files[file]->d_name);
        json_t *facts = json_load_file(path, JSON_REJECT_DUPLICATES, &wrong);
        CHECK(facts);
        size_t reproduced = FILES[file].reproduce(facts);
        CHECK(reproduced > 0);
        printf("%s: %zu facts\n", files[file]->d_name, reproduced);
        json_decref(facts);
        free(files[file]);
    }
    free(files);
    return 0;
}
