/* gate DATABASE: a program outside doorward's tree, in C. Says "granted" if the key that it has made is let in. */
#include <doorward.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 2) return 1;
    dw_setting settings[] = {
        {dw_str_from("STORE_BACKEND"), dw_str_from("sqlite")},
        {dw_str_from("DATABASE_URL"), dw_str_from(argv[1])},
    };
    dw_options options = {0};
    options.struct_size = sizeof options;
    options.settings = settings;
    options.settings_len = 2;
    dw_door *door;
    dw_error *error;
    if (dw_open(&options, &door, &error) != DW_STATUS_OK) {
        dw_str message = dw_error_message(error);
        fprintf(stderr, "%.*s\n", (int)message.len, message.data);
        dw_error_free(error);
        return 1;
    }
    dw_session *session;
    dw_session_system(door, &session, NULL);
    dw_new_institution acme = {0};
    acme.struct_size = sizeof acme;
    acme.id = dw_str_from("acme");
    acme.name = dw_str_from("Acme Bank");
    dw_institution *institution;
    dw_create_institution(session, &acme, &institution, NULL);
    dw_new_key wanted = {0};
    wanted.struct_size = sizeof wanted;
    wanted.label = dw_str_from("gate");
    wanted.role = DW_ROLE_ADMIN;
    dw_created_key *created;
    dw_create_key(session, acme.id, &wanted, &created, NULL);
    dw_credentials credentials = {0};
    credentials.struct_size = sizeof credentials;
    credentials.token = dw_created_key_token(created);
    int granted = created && dw_verify(door, &credentials, NULL, NULL, NULL) == DW_STATUS_OK;
    dw_str version = dw_version();
    printf("%s by %.*s\n", granted ? "granted" : "refused", (int)version.len, version.data);
    dw_created_key_free(created);
    dw_institution_free(institution);
    dw_session_free(session);
    dw_status closed = dw_close(door, 10000, NULL);
    dw_door_free(door);
    return !granted || closed != DW_STATUS_OK;
}
