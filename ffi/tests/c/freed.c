/* Passes a text that was freed. Nothing in a library can notice that; the tools that look on have to. */
#include "check.h"

int main(void) {
    dw_door *door = memory_door();
    dw_session *session = system_session(door);
    dw_institution *institution;
    dw_str id = dw_str_from(strdup("acme"));
    free((char *)id.data);
    dw_get_institution(session, id, &institution, NULL);
    dw_institution_free(institution);
    dw_session_free(session);
    dw_door_free(door);
    return 0;
}
