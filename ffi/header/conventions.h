/*
 * doorward: API keys and institutional policies, checked inside your own process.
 *
 * This page is all that a C programmer has to know besides the comments on the functions.
 *
 * RESULTS. Functions that can fail return a dw_status: DW_STATUS_OK, which is 0, or the kind of the error. What they give
 * goes through an out parameter, their last but one; the last one is a place for an owned dw_error with reason, message and
 * the field to blame, or NULL if you do not want it. Out parameters are written however a call ends: after a failure they
 * hold NULL, 0 or false, and a verdict says "not let in". A decision about access is never left as it was.
 *
 * STRINGS. dw_str is UTF-8 with a length, without a terminating NUL. dw_str_from("...") makes one of a C string. `data` NULL
 * with `len` 0 is an absent string, which is not the same as an empty one. Text that is not UTF-8 is refused
 * (VALIDATION / not_utf8); a token that is not is malformed. No text may be longer than 1 MiB, no list than 1,000,000 items.
 * Money is decimal text ("1250.00"), times are RFC 3339 ("2026-01-02T03:04:05.678Z").
 *
 * OWNERSHIP. A pointer or string is
 *   borrowed   by the library until the function returns, if it is an argument: you keep it. What a function returns
 *              is borrowed from the object that it was asked of, and is good until that object is freed;
 *   owned      by you, if it comes through an out parameter: give it back, once, to the function that its type names
 *              (dw_key_free for a dw_key). NULL is fine there. It does not need the door to be alive;
 *   static     if the comment says so: good for ever.
 * Never free what is borrowed, and free nothing of the library's with free().
 *
 * THREADS. A `const T *` may be shared: any number of threads may call functions with it at once. Freeing needs the object
 * for itself alone. No function keeps state per thread. All functions that are given a dw_session, but for freeing it, may
 * wait for the store, as may those whose comment says so; they block their thread. The memory store never waits. Any thread
 * may call them, but for one that is at work for the library itself, as comments on callbacks say.
 *
 * CALLBACKS come with a `user` pointer, which the library hands on and never looks at, and some with a function that is told
 * once when `user` is no longer needed. What they are given is borrowed for their call. They must neither throw nor leave by
 * longjmp. The comment on each says on which thread it comes, and what may be called there.
 *
 * STRUCTS OF OPTIONS begin with struct_size. Set the whole to zero, then struct_size to its sizeof, then what you need:
 *     dw_new_key key = {0};
 *     key.struct_size = sizeof key;
 * Zero always means "not given". So a library that is newer than your header takes your structs, and one that is older
 * refuses what it does not know instead of ignoring it. In lists of such structs all have the same struct_size.
 *
 * ENUMS AND FLAGS among arguments are integers: a number that is none of the enum's is refused, never undefined behaviour.
 *
 * MISTAKES. NULL where something must be given is VALIDATION / required and names the argument. Accessors take NULL and
 * answer as if there were nothing: absent, 0, false, DW_ROLE_NONE. What the library cannot notice is what no C library can:
 * pointers to what is not there, and objects that were freed.
 *
 * PANICS never cross: a bug in the library is DW_STATUS_INTERNAL, and the door stays usable.
 *
 * FORK. A forked child goes on with the handles and records of its parent, also if other threads were using them at that moment;
 * connections and threads are its own from its first call on.
 *
 * VERSIONS. Compare dw_abi_version() with DW_ABI_VERSION when you load the library at run time. The numbers of statuses and
 * of other enums are never given a new meaning.
 */

#ifndef DOORWARD_H
#define DOORWARD_H
