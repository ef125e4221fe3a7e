#ifdef __cplusplus
extern "C" {
#endif

/** The text of a C string, which stays where it is; absent if `text` is NULL. */
static inline dw_str dw_str_from(const char *text) {
    dw_str str;
    str.data = text;
    str.len = text ? strlen(text) : 0;
    return str;
}

#ifdef __cplusplus
}
#endif

#endif /* DOORWARD_H */
