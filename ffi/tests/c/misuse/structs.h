/* The structs that calls take, and good values for them. */
#ifndef STRUCTS_H
#define STRUCTS_H

#include "suite.h"

extern const struct layout POSITION_ASKED, OPTIONS, FURTHER_OPTIONS, CREDENTIALS, REQUEST, NEW_INSTITUTION, INSTITUTION_PATCH, NEW_KEY, IMPORTED_KEY, KEY_PATCH, KEY_QUERY,
    AUDIT_QUERY, PAGE_REQUEST, LOG_SINK;

#endif
