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

/* Written by cbindgen from ffi/src; do not edit. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/** The version of this header. */
#define DW_VERSION "0.1.0"
#define DW_VERSION_MAJOR 0
#define DW_VERSION_MINOR 1
#define DW_VERSION_PATCH 0

/*
 Which version of the binary interface the library has. Programs that were compiled against a header with another
 `DW_ABI_VERSION` must not use it.
 */
#define DW_ABI_VERSION 1

/*
 What came of a call. The numbers are stable and never reused.
 */
enum dw_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /*
   It succeeded.
   */
  DW_STATUS_OK = 0,
  /*
   The arguments are wrong; `dw_error_field` names the one.
   */
  DW_STATUS_VALIDATION = 1,
  /*
   No credentials, or ones that are not good.
   */
  DW_STATUS_UNAUTHENTICATED = 2,
  /*
   The caller may not do this.
   */
  DW_STATUS_FORBIDDEN = 3,
  /*
   It does not exist.
   */
  DW_STATUS_NOT_FOUND = 4,
  /*
   A duplicate, or another version than expected.
   */
  DW_STATUS_CONFLICT = 5,
  /*
   Too often; `dw_error_retry_after_ms` says when to try again.
   */
  DW_STATUS_RATE_LIMITED = 6,
  /*
   The database refused or answered nonsense; trying again will not help.
   */
  DW_STATUS_DATABASE = 7,
  /*
   The store cannot be reached in time; trying again may help.
   */
  DW_STATUS_UNAVAILABLE = 8,
  /*
   The configuration is wrong; `dw_error_field` names the variable.
   */
  DW_STATUS_CONFIG = 9,
  /*
   The door was closed.
   */
  DW_STATUS_CLOSED = 10,
  /*
   A bug or a panic; the door stays usable.
   */
  DW_STATUS_INTERNAL = 11,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dw_status dw_status;
#else
typedef int32_t dw_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 How much a log record matters.
 */
enum dw_log_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /*
   As an argument: not given.
   */
  DW_LOG_LEVEL_NONE = 0,
  /*
   Something failed.
   */
  DW_LOG_LEVEL_ERROR = 1,
  /*
   Something is not as it should be, and the library goes on.
   */
  DW_LOG_LEVEL_WARN = 2,
  /*
   Worth knowing in normal operation.
   */
  DW_LOG_LEVEL_INFO = 3,
  /*
   Every operation and how long it took.
   */
  DW_LOG_LEVEL_DEBUG = 4,
  /*
   Everything.
   */
  DW_LOG_LEVEL_TRACE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dw_log_level dw_log_level;
#else
typedef int32_t dw_log_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 What a caller may do.
 */
enum dw_role
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /*
   Nothing: nobody was let in. As a filter: any.
   */
  DW_ROLE_NONE = 0,
  /*
   Everything; no key has this role.
   */
  DW_ROLE_ROOT = 1,
  /*
   Everything within the key's institution, but to change the institution itself.
   */
  DW_ROLE_ADMIN = 2,
  /*
   Reading and checking policies of the key's institution.
   */
  DW_ROLE_READ_ONLY = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dw_role dw_role;
#else
typedef int32_t dw_role;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 Whether a key is good, and if not, why.
 */
enum dw_key_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /*
   There is no key. As a filter: any.
   */
  DW_KEY_STATUS_NONE = 0,
  /*
   Good.
   */
  DW_KEY_STATUS_ACTIVE = 1,
  /*
   Switched off until it is enabled again.
   */
  DW_KEY_STATUS_DISABLED = 2,
  /*
   Past its expiry, for good.
   */
  DW_KEY_STATUS_EXPIRED = 3,
  /*
   Revoked, for good.
   */
  DW_KEY_STATUS_REVOKED = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dw_key_status dw_key_status;
#else
typedef int32_t dw_key_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 On what a decision was made.
 */
enum dw_policy_source
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /*
   There is no policy: the configured default decided. (Or there is no decision.)
   */
  DW_POLICY_SOURCE_NONE = 0,
  /*
   The stored policy.
   */
  DW_POLICY_SOURCE_FOUND = 1,
  /*
   The stored policy cannot be read: denied.
   */
  DW_POLICY_SOURCE_UNREADABLE = 2,
  /*
   The config that was given with a dry run.
   */
  DW_POLICY_SOURCE_GIVEN = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dw_policy_source dw_policy_source;
#else
typedef int32_t dw_policy_source;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 In which order a list comes.
 */
enum dw_order
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /*
   By creation, newest first.
   */
  DW_ORDER_NEWEST_FIRST = 0,
  /*
   By creation, oldest first.
   */
  DW_ORDER_OLDEST_FIRST = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dw_order dw_order;
#else
typedef int32_t dw_order;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 Who the caller is. Only authentication makes one. Owned: `dw_context_free`. `const dw_context *` may be shared.
 */
typedef struct dw_context dw_context;

/*
 A key with its token, which is shown this once. Owned: `dw_created_key_free`, which wipes the token.
 */
typedef struct dw_created_key dw_created_key;

/*
 Keys that were created together. Owned: `dw_created_keys_free`.
 */
typedef struct dw_created_keys dw_created_keys;

/*
 What a policy says about a position. Owned: `dw_decision_free`. `const dw_decision *` may be shared.
 */
typedef struct dw_decision dw_decision;

/*
 Decisions about several positions, in their order, all on one view of the policy. Owned: `dw_decisions_free`.
 */
typedef struct dw_decisions dw_decisions;

/*
 The handle to keys and policies. Owned: `dw_door_free`.

 `const dw_door *` may be shared: every function that takes it may be called by any number of threads at once, until
 `dw_door_free`. A handle goes on working in a forked child.
 */
typedef struct dw_door dw_door;

/*
 Why a call did not succeed. Owned: `dw_error_free`. Holds no token, password or other secret.
 */
typedef struct dw_error dw_error;

/*
 What an import did. Owned: `dw_import_report_free`.
 */
typedef struct dw_import_report dw_import_report;

/*
 An institution. Owned: `dw_institution_free`. `const dw_institution *` may be shared.
 */
typedef struct dw_institution dw_institution;

/*
 The record of an API key: everything about a token but the token. Owned: `dw_key_free`. `const dw_key *` may be shared.
 */
typedef struct dw_key dw_key;

/*
 A page of a list. Owned: `dw_page_free`. `const dw_page *` may be shared.
 */
typedef struct dw_page dw_page;

/*
 A policy: the rules of one institution in one region. Owned: `dw_policy_free`. `const dw_policy *` may be shared.
 */
typedef struct dw_policy dw_policy;

/*
 What a caller has left of its limit at a moment. Owned: `dw_rate_limit_status_free`; of an error borrowed. `const
 dw_rate_limit_status *` may be shared.
 */
typedef struct dw_rate_limit_status dw_rate_limit_status;

/*
 On whose behalf operations are made: an authenticated caller, whose every operation is checked against its role and its
 institution, or the host's own trusted code. Owned: `dw_session_free`. `const dw_session *` may be shared.
 */
typedef struct dw_session dw_session;

/*
 A text that the library made. Owned: `dw_text_free`.
 */
typedef struct dw_text dw_text;

/*
 A text: UTF-8, not terminated. Whoever makes one keeps the memory.

 As an argument it is borrowed for the call. `data` may be NULL if `len` is 0: that is an absent text; an empty one has any
 other `data`. As an answer it is borrowed from the object that it was asked of and lives as long, or is static.
 */
typedef struct dw_str {
  /*
   The first byte.
   */
  const char *data;
  /*
   How many bytes.
   */
  size_t len;
} dw_str;

/*
 What was logged. Borrowed for the call of the sink; later versions have more members at its end.
 */
typedef struct dw_log_record {
  /*
   How much it matters.
   */
  dw_log_level level;
  /*
   When it was logged.
   */
  struct dw_str time;
  /*
   Which part logs (`doorward::door::housekeeper`).
   */
  struct dw_str target;
  /*
   What, with its fields: `could not write … error="…"`. One line: what would break it is escaped.
   */
  struct dw_str message;
} dw_log_record;

/*
 Is given what was logged, borrowed for the call.

 It is called on whichever thread logs, the caller's own or one of the library's, on several at once, and before the logging
 function goes on: it should be quick. It may call the library; what such calls log is not given to it. On one of the
 library's threads, calls that may wait for the store answer `INTERNAL` / `would_deadlock`. It must not throw.
 */
typedef void (*dw_log_sink_record)(void *user, const struct dw_log_record *record);

/*
 Is told that its `user` is no longer needed. It must not throw.
 */
typedef void (*dw_user_free)(void *user);

/*
 Gets what the library logs in this process. Borrowed for the call.

 No record holds a token, a password or another secret.
 */
typedef struct dw_log_sink {
  /*
   `sizeof(dw_log_sink)`.
   */
  size_t struct_size;
  /*
   Is given the records.
   */
  dw_log_sink_record record;
  /*
   Is handed to it.
   */
  void *user;
  /*
   Is called with `user`, exactly once, when another sink or none has taken this one's place and `record` has returned
   for the last time; on the thread on which that happens. May be NULL. If `dw_log_to` fails `user` is still the
   caller's, and this is not called.
   */
  dw_user_free user_free;
  /*
   A `dw_log_level`: what matters less is not given; `DW_LOG_LEVEL_NONE`: `DW_LOG_LEVEL_INFO`.
   */
  int32_t level;
  /*
   0.
   */
  int32_t reserved;
} dw_log_sink;

/*
 A setting: one of the variables that the README lists under "Opening", such as `STORE_BACKEND`.
 */
typedef struct dw_setting {
  /*
   The variable's name.
   */
  struct dw_str name;
  /*
   Its value.
   */
  struct dw_str value;
} dw_setting;

/*
 An audit event that was recorded. Borrowed for the call of the sink; later versions have more members at its end.
 */
typedef struct dw_audit_event {
  /*
   Its id, by which it is found in the trail.
   */
  struct dw_str id;
  /*
   When it happened.
   */
  struct dw_str occurred_at;
  /*
   Who did it: a key's id, `root`, `system`, or `anonymous` for a caller who was not let in.
   */
  struct dw_str actor;
  /*
   The operation (`create_key`).
   */
  struct dw_str action;
  /*
   What came of it: `succeeded`, `forbidden` or `refused`.
   */
  struct dw_str outcome;
  /*
   The institution concerned; absent if there is none.
   */
  struct dw_str institution_id;
  /*
   What it was done to (`institution`, `api_key`, `policy`); may be absent.
   */
  struct dw_str resource_type;
  /*
   Its id, or the region of a policy; may be absent.
   */
  struct dw_str resource_id;
  /*
   The reason of a refusal (`role_not_allowed`); absent if it is none.
   */
  struct dw_str error;
  /*
   All of it, as `dw_page_json_at` gives it but for `sequence` and `apiKeyId`, on one line.
   */
  struct dw_str json;
} dw_audit_event;

/*
 Is given an audit event, borrowed for the call, after it was written into the trail.

 It is called on a thread of the door's own, one call at a time; with one sink for several doors, at once on one thread
 of each. It may block (only other events wait then) and call the library; `dw_close` of its own door is
 `INTERNAL` / `would_deadlock` there. It must not throw.
 */
typedef void (*dw_audit_sink_event)(void *user, const struct dw_audit_event *event);

/*
 Gets every audit event that a door records in this process. Borrowed for the call.

 An event comes once it is in the trail, and never for a change that failed; rows that are gathered (refusals) come when
 they are written, up to 10 seconds later. Events come in the order of the store's answers; those of changes that were
 made at the same time may stand in another order in the trail. No call into the library waits for the sink: at most
 10,000 events wait for it, further ones are dropped from the sink alone and counted
 (`doorward_audit_sink_dropped_total`). The trail is what holds: whoever must miss nothing reads it by
 `dw_list_audit_events` from the last cursor on.

 `dw_close` waits for the sink to take what is left, as far as its deadline allows. A forked child goes on with the sink on
 a thread of its own; events that were waiting are the parent's.
 */
typedef struct dw_audit_sink {
  /*
   `sizeof(dw_audit_sink)`.
   */
  size_t struct_size;
  /*
   Is given the events.
   */
  dw_audit_sink_event event;
  /*
   Is handed to it.
   */
  void *user;
  /*
   Is called with `user` when the door no longer needs it; may be NULL. Exactly once for each door that was opened, and
   never while `event` is at work: by `dw_close` before it returns, if its deadline allows, or else after `dw_door_free`
   and the last `dw_session_free`; on any thread. Never in a forked child that has the door from its parent. Where no
   door was opened, whatever the error, `user` is still the caller's, and this is not called.
   */
  dw_user_free user_free;
} dw_audit_sink;

/*
 How a door is opened.
 */
typedef struct dw_options {
  /*
   `sizeof(dw_options)`.
   */
  size_t struct_size;
  /*
   The settings; what is not among them has its default. A name that is not known is refused.
   */
  const struct dw_setting *settings;
  /*
   How many.
   */
  size_t settings_len;
  /*
   How many audit events a memory store keeps; 0 is the default, 10,000.
   */
  uint64_t memory_audit_capacity;
  /*
   Not 0: the audit trail holds successful authentications as well.
   */
  uint32_t audit_authentications;
  /*
   Not 0: the audit trail holds reads as well.
   */
  uint32_t audit_reads;
  /*
   Gets every audit event that the door records; NULL: none does.
   */
  const struct dw_audit_sink *audit_sink;
} dw_options;

/*
 A header of a request. Borrowed for the call.
 */
typedef struct dw_header {
  /*
   Its name, in any case.
   */
  struct dw_str name;
  /*
   Its value.
   */
  struct dw_str value;
} dw_header;

/*
 What a caller presents: a token, or the headers that hold it. Borrowed for the call.
 */
typedef struct dw_credentials {
  /*
   `sizeof(dw_credentials)`.
   */
  size_t struct_size;
  /*
   The token as it is; absent: it is looked for in the headers.
   */
  struct dw_str token;
  /*
   All headers of the request: `x-api-key` counts, or else `Authorization: Bearer …`. The same of the two twice is malformed.
   */
  const struct dw_header *headers;
  /*
   How many.
   */
  size_t headers_len;
} dw_credentials;

/*
 What is known of a request, for the audit trail and for rules about addresses. Borrowed for the call. Everything may be
 absent, and so may the whole (NULL): then nothing is known.
 */
typedef struct dw_request {
  /*
   `sizeof(dw_request)`.
   */
  size_t struct_size;
  /*
   The method.
   */
  struct dw_str method;
  /*
   The path. A query is cut off.
   */
  struct dw_str path;
  /*
   The host's id of the request.
   */
  struct dw_str request_id;
  /*
   The address at the other end of the socket, without a port.
   */
  struct dw_str peer;
  /*
   The value of `X-Forwarded-For`; it counts only if the peer is a trusted proxy.
   */
  struct dw_str forwarded_for;
} dw_request;

/*
 So many requests in so much time: all of them at once, and they come back evenly. Zero throughout is no limit.
 */
typedef struct dw_limit {
  /*
   1 to 1,000,000.
   */
  uint32_t max_requests;
  /*
   1 to 86,400,000, which is a day.
   */
  uint32_t window_ms;
} dw_limit;

/*
 An id, in place. Not there: `len` is 0 and `text` is empty.
 */
typedef struct dw_id {
  /*
   The id, ended by a NUL that does not count.
   */
  char text[129];
  /*
   How many bytes it has.
   */
  uint8_t len;
} dw_id;

/*
 Whether a caller is let in. A plain struct that owns nothing; it may be copied, and needs no freeing.
 */
typedef struct dw_verdict {
  /*
   `DW_STATUS_OK` if the caller is let in, and only then.
   */
  dw_status status;
  /*
   What it may do; `DW_ROLE_NONE` if it is not let in.
   */
  dw_role role;
  /*
   Why it is not let in (`revoked`); absent if it is. Static.
   */
  struct dw_str reason;
  /*
   The institution to which it belongs; not there for root.
   */
  struct dw_id institution_id;
  /*
   Its key; not there for root.
   */
  struct dw_id key_id;
  /*
   Of `DW_STATUS_RATE_LIMITED`: after how many milliseconds the caller may come again, rounded up; else 0.
   */
  uint32_t retry_after_ms;
} dw_verdict;

/*
 Is told how a lookup ended, once. `verdict` is borrowed for the call; `context` is the callee's own to free, NULL if the
 caller was not let in.

 It is called on the thread that began the lookup, before `dw_lookup_start` returns, if the answer was there at once; else on
 one of doorward's own threads. There it must not block, and calls that may wait for the store answer
 `INTERNAL` / `would_deadlock`. It must not throw.
 */
typedef void (*dw_lookup_done)(void *user,
                               const struct dw_verdict *verdict,
                               struct dw_context *context);

/*
 A list of texts, borrowed for the call. `data` NULL is an absent list, which is not the same as an empty one.
 */
typedef struct dw_strs {
  /*
   The first text.
   */
  const struct dw_str *data;
  /*
   How many texts.
   */
  size_t len;
} dw_strs;

/*
 An institution to be created.
 */
typedef struct dw_new_institution {
  /*
   `sizeof(dw_new_institution)`.
   */
  size_t struct_size;
  /*
   Its id, 1 to 128 of `A-Za-z0-9_.:-`; absent: one is made.
   */
  struct dw_str id;
  /*
   Its name, 1 to 255 characters.
   */
  struct dw_str name;
  /*
   Its regions; absent: none.
   */
  struct dw_strs regions;
} dw_new_institution;

/*
 What is to change about an institution; what is absent stays as it is.
 */
typedef struct dw_institution_patch {
  /*
   `sizeof(dw_institution_patch)`.
   */
  size_t struct_size;
  /*
   The new name.
   */
  struct dw_str name;
  /*
   The new list of regions, whole.
   */
  struct dw_strs regions;
} dw_institution_patch;

/*
 A key to be created, or imported.
 */
typedef struct dw_new_key {
  /*
   `sizeof(dw_new_key)`.
   */
  size_t struct_size;
  /*
   1 to 255 characters for people.
   */
  struct dw_str label;
  /*
   `DW_ROLE_ADMIN` or `DW_ROLE_READ_ONLY`.
   */
  int32_t role;
  /*
   0.
   */
  int32_t reserved;
  /*
   From when on it is no longer good, in RFC 3339; absent: never.
   */
  struct dw_str expires_at;
  /*
   From where it may be used: addresses and CIDR ranges; absent or empty: from anywhere.
   */
  struct dw_strs allowed_addresses;
  /*
   The host's own data, a JSON object of at most 64 KiB; absent: `{}`.
   */
  struct dw_str metadata;
  /*
   For `dw_import_keys` alone: the SHA-256 of the token, 64 hex digits (`dw_hash_token`).
   */
  struct dw_str key_hash;
  /*
   How often it is accepted; zero throughout: as often as the configuration says. Only root and the system may give one.
   */
  struct dw_limit rate_limit;
} dw_new_key;

/*
 What is to change about a key; what is absent stays as it is.
 */
typedef struct dw_key_patch {
  /*
   `sizeof(dw_key_patch)`.
   */
  size_t struct_size;
  /*
   The new label.
   */
  struct dw_str label;
  /*
   The new expiry, in RFC 3339.
   */
  struct dw_str expires_at;
  /*
   The new list of addresses, whole.
   */
  struct dw_strs allowed_addresses;
  /*
   The new data, whole.
   */
  struct dw_str metadata;
  /*
   Change only if the record has this version; NULL: whichever it has.
   */
  const uint64_t *expected_version;
  /*
   Not 0: the expiry is removed; `expires_at` must be absent then.
   */
  uint64_t removes_expiry;
  /*
   The new limit.
   */
  struct dw_limit rate_limit;
  /*
   Not 0: the key's own limit is removed, and the configuration says how often it is accepted; `rate_limit` must be zero
   throughout then.
   */
  uint64_t removes_rate_limit;
} dw_key_patch;

/*
 What a policy is asked about. Borrowed for the call.
 */
typedef struct dw_position {
  /*
   The amount in major units as plain decimal text (`1250.00`), exactly: at most 28 significant digits, 8 after the point.
   */
  struct dw_str amount;
  /*
   The currency's code.
   */
  struct dw_str currency;
} dw_position;

/*
 A rule that a position violates. Its texts are borrowed from the decision.
 */
typedef struct dw_violation {
  /*
   `below_min`, `above_max` or `currency_not_allowed`.
   */
  struct dw_str code;
  /*
   What the rule says.
   */
  struct dw_str limit;
  /*
   What was asked about.
   */
  struct dw_str value;
} dw_violation;

/*
 Which page of a list is asked for. Borrowed for the call; NULL asks for the first 50, newest first.
 */
typedef struct dw_page_request {
  /*
   `sizeof(dw_page_request)`.
   */
  size_t struct_size;
  /*
   `dw_page_next` of the page before; absent: the first page.
   */
  struct dw_str cursor;
  /*
   How many items, 1 to 1000; NULL: 50.
   */
  const uint64_t *limit;
  /*
   A `dw_order`; the same for all pages of a list.
   */
  int32_t order;
  /*
   0.
   */
  int32_t reserved;
} dw_page_request;

/*
 Which keys to list. Borrowed for the call; NULL asks for all that are not revoked.
 */
typedef struct dw_key_query {
  /*
   `sizeof(dw_key_query)`.
   */
  size_t struct_size;
  /*
   Only keys of this `dw_role`; `DW_ROLE_NONE`: any.
   */
  int32_t role;
  /*
   Only keys of this `dw_key_status`; `DW_KEY_STATUS_NONE`: any.
   */
  int32_t status;
  /*
   Not 0: revoked keys as well.
   */
  uint64_t include_revoked;
} dw_key_query;

/*
 Which audit events to list. Borrowed for the call; NULL asks for all.
 */
typedef struct dw_audit_query {
  /*
   `sizeof(dw_audit_query)`.
   */
  size_t struct_size;
  /*
   Only events of this institution; absent: of all, which only root and the system may see.
   */
  struct dw_str institution_id;
  /*
   Only those of this actor: a key's id, `root`, `system` or `anonymous`.
   */
  struct dw_str actor;
  /*
   Only those of this action, such as `create_key`.
   */
  struct dw_str action;
  /*
   Only those that occurred at this time or later, in RFC 3339.
   */
  struct dw_str since;
  /*
   Only those that occurred before this time.
   */
  struct dw_str until;
} dw_audit_query;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 The version of the library, such as `0.1.0`. Static.
 */
struct dw_str dw_version(void);

/*
 The version of the binary interface: compare it with `DW_ABI_VERSION`.
 */
uint32_t dw_abi_version(void);

/*
 The kind of the error: the status that came with it. `DW_STATUS_OK` if `error` is NULL.
 */
dw_status dw_error_status(const struct dw_error *error);

/*
 The name of the kind (`NotFound`), the same in all languages. Static.
 */
struct dw_str dw_error_kind(const struct dw_error *error);

/*
 The stable word for the cause (`key_not_found`). Static.
 */
struct dw_str dw_error_reason(const struct dw_error *error);

/*
 The message, for people; it may change. Borrowed until `dw_error_free`.
 */
struct dw_str dw_error_message(const struct dw_error *error);

/*
 The argument, member or variable that is to blame: `label`, `keys[3].label`, `request.peer`, in JSON
 `config.position.minAmount`; absent if none is. Borrowed until `dw_error_free`.
 */
struct dw_str dw_error_field(const struct dw_error *error);

/*
 The status that an HTTP gateway answers with; 200 if `error` is NULL.
 */
uint16_t dw_error_http_status(const struct dw_error *error);

/*
 Whether the same call may succeed later without any change by the caller.
 */
bool dw_error_is_retryable(const struct dw_error *error);

/*
 How many milliseconds to wait before trying again, rounded up; 0 if that is not known.
 */
uint64_t dw_error_retry_after_ms(const struct dw_error *error);

/*
 What the caller has left of the rate limit that it met; NULL if the error is of something else. Borrowed until
 `dw_error_free`.
 */
const struct dw_rate_limit_status *dw_error_rate_limit(const struct dw_error *error);

/*
 Frees the error. NULL is fine.
 */
void dw_error_free(struct dw_error *error);

/*
 The text; borrowed until `dw_text_free`. Absent if `text` is NULL.
 */
struct dw_str dw_text_str(const struct dw_text *text);

/*
 Frees the text. NULL is fine.
 */
void dw_text_free(struct dw_text *text);

/*
 Has what the library logs given to this sink from now on, in place of the one before; NULL: to none, which costs nothing. For
 the whole process, a forked child included. Never waits; any thread, also from within a sink.

 Errors: `VALIDATION`; `CONFIG` / `log_taken` if Rust code of the same program has made other arrangements for what is
 logged (`tracing`'s global subscriber).
 */
dw_status dw_log_to(const struct dw_log_sink *sink,
                    struct dw_error **error);

/*
 Opens a door as the options say. Puts an owned door into `door`; any thread.

 Errors: `VALIDATION` for the options themselves; `CONFIG`, `DATABASE` or `UNAVAILABLE`, naming the variable.
 */
dw_status dw_open(const struct dw_options *options,
                  struct dw_door **door,
                  struct dw_error **error);

/*
 Opens a door as the process's environment says. `options` may be NULL; if given it must have no settings. Puts an owned
 door into `door`; any thread, as long as no other one changes the environment.

 Errors: as `dw_open`.
 */
dw_status dw_open_env(const struct dw_options *options,
                      struct dw_door **door,
                      struct dw_error **error);

/*
 Closes a door: writes what was gathered, finishes what was begun, and lets go of threads and files. Every later call
 answers `CLOSED`; closing again is no error and goes on with what an earlier close had no time for. It waits no longer than
 `deadline_ms`; with an audit sink a change that the store never answers takes all of that. Callbacks of lookups may still
 come afterwards. Any thread. The handle is still to be freed.

 Errors: what a store can answer; `UNAVAILABLE` if the deadline passes first. Calls are refused all the same.
 */
dw_status dw_close(const struct dw_door *door,
                   uint64_t deadline_ms,
                   struct dw_error **error);

/*
 Frees the handle. NULL is fine. No other thread may be using it; sessions that were made from it go on. What was gathered
 is then written in the background, as far as the process lives: `dw_close` first if that matters.
 */
void dw_door_free(struct dw_door *door);

/*
 Whether the store can be reached: `reachable` (may be NULL) says it, and the owned `json` (may be NULL) says more, as
 `{"backend":"sqlite","reachable":true,"error":null,"schemaVersion":1,"generation":3,"latencySeconds":0.0001}`. That it
 cannot be reached is part of the answer, not an error. May wait for the store; any thread.
 */
dw_status dw_health(const struct dw_door *door,
                    bool *reachable,
                    struct dw_text **json,
                    struct dw_error **error);

/*
 What was counted and timed since the door was opened, in this process: an owned text in Prometheus' exposition format.
 Never waits; any thread.
 */
dw_status dw_metrics_text(const struct dw_door *door,
                          struct dw_text **text,
                          struct dw_error **error);

/*
 The same as owned JSON.
 */
dw_status dw_metrics_json(const struct dw_door *door,
                          struct dw_text **json,
                          struct dw_error **error);

/*
 Authenticates a caller. Puts an owned context into `context`. May wait for the store; any thread.

 Errors: `UNAUTHENTICATED` with the reasons `missing`, `malformed`, `unknown`, `revoked`, `disabled`, `expired`,
 `address_not_allowed`; `RATE_LIMITED`, which says when to come again; and what a store can answer. The reason is for the host;
 a remote caller should hear no more than "missing" or "invalid API key".
 */
dw_status dw_authenticate(const struct dw_door *door,
                          const struct dw_credentials *credentials,
                          const struct dw_request *request,
                          struct dw_context **context,
                          struct dw_error **error);

/*
 The record of the live key that has this token: puts an owned key into `key`, or NULL if there is none. May wait for the
 store; any thread.

 Errors: `VALIDATION` for a token that is absent or not UTF-8; what a store can answer.
 */
dw_status dw_find_by_token(const struct dw_door *door,
                           struct dw_str token,
                           struct dw_key **key,
                           struct dw_error **error);

/*
 What the caller may do; `DW_ROLE_NONE` if `context` is NULL.
 */
dw_role dw_context_role(const struct dw_context *context);

/*
 The institution to which the caller belongs; absent for root. Borrowed until `dw_context_free`.
 */
struct dw_str dw_context_institution_id(const struct dw_context *context);

/*
 The caller's key; absent for root. Borrowed until `dw_context_free`.
 */
struct dw_str dw_context_key_id(const struct dw_context *context);

/*
 The whole as JSON: `{"role":…,"institutionId":…,"apiKeyId":…}`. Borrowed until `dw_context_free`.
 */
struct dw_str dw_context_json(const struct dw_context *context);

/*
 Frees the context. NULL is fine.
 */
void dw_context_free(struct dw_context *context);

/*
 What an authenticated caller has left of its rate limit, in this process: puts an owned status into `status`, or NULL if the
 caller has no limit. Asking takes nothing. Never waits; any thread.

 Errors: `VALIDATION` for NULL.
 */
dw_status dw_rate_limit(const struct dw_door *door,
                        const struct dw_context *context,
                        struct dw_rate_limit_status **status,
                        struct dw_error **error);

/*
 The limit; zero throughout if `status` is NULL.
 */
struct dw_limit dw_rate_limit_status_limit(const struct dw_rate_limit_status *status);

/*
 How many requests may come at once now.
 */
uint32_t dw_rate_limit_status_remaining(const struct dw_rate_limit_status *status);

/*
 After how many milliseconds without a request all of them may, rounded up.
 */
uint64_t dw_rate_limit_status_reset_after_ms(const struct dw_rate_limit_status *status);

/*
 The value of the HTTP field `RateLimit-Policy` for an answer to the caller (draft-ietf-httpapi-ratelimit-headers-10). Borrowed
 until the status is freed.
 */
struct dw_str dw_rate_limit_status_policy_field(const struct dw_rate_limit_status *status);

/*
 The value of the HTTP field `RateLimit`. Borrowed until the status is freed.
 */
struct dw_str dw_rate_limit_status_field(const struct dw_rate_limit_status *status);

/*
 The whole as JSON: `{"maxRequests":…,"windowMs":…,"remaining":…,"resetAfterMs":…}`. Borrowed until the status is freed.
 */
struct dw_str dw_rate_limit_status_json(const struct dw_rate_limit_status *status);

/*
 Frees the status. NULL is fine; never for one that is borrowed.
 */
void dw_rate_limit_status_free(struct dw_rate_limit_status *status);

/*
 Whether a caller is let in, without an error object: for hot paths that expect refusals. Returns what `verdict` has as its
 status; `verdict` may be NULL. Puts an owned context into `context` if that is not NULL and the caller is let in. May wait
 for the store, if that is not in memory; any thread.

 Answers: `OK`; `UNAUTHENTICATED`, `RATE_LIMITED`, `VALIDATION` (NULL, or a request that is none), and what a store can
 answer. A caller whose ids have more than 128 bytes, which only adopted tables hold, is refused as `VALIDATION` /
 `too_long`: for such there is `dw_authenticate`.
 */
dw_status dw_verify(const struct dw_door *door,
                    const struct dw_credentials *credentials,
                    const struct dw_request *request,
                    struct dw_verdict *verdict,
                    struct dw_context **context);

/*
 Begins what `dw_verify` does, without ever waiting for the store: `callback` is told the verdict, exactly once if this
 returns `OK` and never otherwise, be the door closed or freed meanwhile: `dw_close` does not wait for callbacks, so what
 `user` points at must live until `callback` has had it. Credentials and request are borrowed for this call alone. Any
 thread.

 Errors: `VALIDATION`. What a store answers goes to the callback.
 */
dw_status dw_lookup_start(const struct dw_door *door,
                          const struct dw_credentials *credentials,
                          const struct dw_request *request,
                          dw_lookup_done callback,
                          void *user,
                          struct dw_error **error);

/*
 Binds the door to an authenticated caller, for one request. Puts an owned session into `session`; `context` stays the
 caller's and `request` may be NULL. Never waits; any thread.
 */
dw_status dw_session_new(const struct dw_door *door,
                         const struct dw_context *context,
                         const struct dw_request *request,
                         struct dw_session **session,
                         struct dw_error **error);

/*
 The session of the host's own trusted code: nothing is asked of permission, and the audit trail names the actor `system`.
 Puts an owned session into `session`, for any number of operations. Never waits; any thread.
 */
dw_status dw_session_system(const struct dw_door *door,
                            struct dw_session **session,
                            struct dw_error **error);

/*
 Frees the session. NULL is fine. No other thread may be using it.
 */
void dw_session_free(struct dw_session *session);

/*
 Creates an institution; only root and the system may. Puts an owned institution into `institution`.

 Errors: `VALIDATION`; `FORBIDDEN`; `CONFLICT` / `institution_exists`; what a store can answer.
 */
dw_status dw_create_institution(const struct dw_session *session,
                                const struct dw_new_institution *new_institution,
                                struct dw_institution **institution,
                                struct dw_error **error);

/*
 Gets an institution. Puts an owned institution into `institution`.

 Errors: `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
 */
dw_status dw_get_institution(const struct dw_session *session,
                             struct dw_str institution_id,
                             struct dw_institution **institution,
                             struct dw_error **error);

/*
 Changes an institution; only root and the system may. Puts an owned institution, as it is then, into `institution`.

 Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
 */
dw_status dw_update_institution(const struct dw_session *session,
                                struct dw_str institution_id,
                                const struct dw_institution_patch *patch,
                                struct dw_institution **institution,
                                struct dw_error **error);

/*
 Its id. Borrowed until the institution is freed.
 */
struct dw_str dw_institution_id(const struct dw_institution *institution);

/*
 Its name. Borrowed until the institution is freed.
 */
struct dw_str dw_institution_name(const struct dw_institution *institution);

/*
 The whole as JSON. Borrowed until the institution is freed.
 */
struct dw_str dw_institution_json(const struct dw_institution *institution);

/*
 Frees the institution. NULL is fine; never for one that is borrowed from a page.
 */
void dw_institution_free(struct dw_institution *institution);

/*
 Creates a key. Puts an owned created key, which holds the token, into `created`.

 Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
 */
dw_status dw_create_key(const struct dw_session *session,
                        struct dw_str institution_id,
                        const struct dw_new_key *new_key,
                        struct dw_created_key **created,
                        struct dw_error **error);

/*
 Creates up to 10,000 keys, all or none. Puts owned created keys, in the order of `keys`, into `created`.

 Errors: as `dw_create_key`; fields are named `keys[3].label`.
 */
dw_status dw_create_keys(const struct dw_session *session,
                         struct dw_str institution_id,
                         const struct dw_new_key *keys,
                         size_t keys_len,
                         struct dw_created_keys **created,
                         struct dw_error **error);

/*
 Imports up to 1,000,000 keys that exist elsewhere by the SHA-256 of their tokens, all or none. With `dry_run` (not 0)
 nothing is stored, and every conflict reported. Puts an owned report into `report`.

 Errors: as `dw_create_keys`, and `CONFLICT` / `key_exists` naming the first one that is stored already.
 */
dw_status dw_import_keys(const struct dw_session *session,
                         struct dw_str institution_id,
                         const struct dw_new_key *keys,
                         size_t keys_len,
                         int32_t dry_run,
                         struct dw_import_report **report,
                         struct dw_error **error);

/*
 The SHA-256 of a token that was made elsewhere, as `key_hash` of an import wants it. Puts an owned text of 64 hex digits into
 `hash`. Needs no door, never waits; any thread.

 Errors: `VALIDATION` for what can be no token: not UTF-8, or more than 512 bytes.
 */
dw_status dw_hash_token(struct dw_str token,
                        struct dw_text **hash,
                        struct dw_error **error);

/*
 Gets a key. Puts an owned key into `key`.

 Errors: `FORBIDDEN`; `NOT_FOUND`: `institution_not_found`, `key_not_found`; what a store can answer.
 */
dw_status dw_get_key(const struct dw_session *session,
                     struct dw_str institution_id,
                     struct dw_str key_id,
                     struct dw_key **key,
                     struct dw_error **error);

/*
 Changes a key's label, expiry, addresses, rate limit or metadata. Puts an owned key, as it is then, into `key`.

 Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND`; `CONFLICT`: `version_mismatch`, `key_revoked`, `key_expired`, `key_rotated`;
 what a store can answer.
 */
dw_status dw_update_key(const struct dw_session *session,
                        struct dw_str institution_id,
                        struct dw_str key_id,
                        const struct dw_key_patch *patch,
                        struct dw_key **key,
                        struct dw_error **error);

/*
 Gives a key a successor with a token of its own; the old token stays good for `grace_ms`, then dies by itself. Puts the
 owned successor, which holds its token, into `created`.

 Errors: `VALIDATION` (a grace over 90 days); `FORBIDDEN`; `NOT_FOUND`; `CONFLICT`: `key_revoked`, `key_expired`,
 `key_disabled`, `key_rotated`; what a store can answer.
 */
dw_status dw_rotate_key(const struct dw_session *session,
                        struct dw_str institution_id,
                        struct dw_str key_id,
                        uint64_t grace_ms,
                        struct dw_created_key **created,
                        struct dw_error **error);

/*
 Switches a key on again; enabling an enabled key changes nothing. Puts an owned key, as it is then, into `key`.

 Errors: `FORBIDDEN`; `NOT_FOUND`; `CONFLICT`: `key_revoked`, `key_expired`; what a store can answer.
 */
dw_status dw_enable_key(const struct dw_session *session,
                        struct dw_str institution_id,
                        struct dw_str key_id,
                        struct dw_key **key,
                        struct dw_error **error);

/*
 Switches a key off until it is enabled; disabling a disabled key changes nothing. Puts an owned key, as it is then, into
 `key`.

 Errors: as `dw_enable_key`.
 */
dw_status dw_disable_key(const struct dw_session *session,
                         struct dw_str institution_id,
                         struct dw_str key_id,
                         struct dw_key **key,
                         struct dw_error **error);

/*
 Revokes a key for good; revoking it again gives the same record and date back. Puts an owned key, as it is then, into `key`.

 Errors: `FORBIDDEN`; `NOT_FOUND`; what a store can answer.
 */
dw_status dw_revoke_key(const struct dw_session *session,
                        struct dw_str institution_id,
                        struct dw_str key_id,
                        struct dw_key **key,
                        struct dw_error **error);

/*
 Revokes all keys of an institution, the caller's own too. `count` says how many were not revoked before.

 Errors: `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
 */
dw_status dw_revoke_all_keys(const struct dw_session *session,
                             struct dw_str institution_id,
                             uint64_t *count,
                             struct dw_error **error);

/*
 Its id. Borrowed until the key is freed.
 */
struct dw_str dw_key_id(const struct dw_key *key);

/*
 The institution that owns it. Borrowed until the key is freed.
 */
struct dw_str dw_key_institution_id(const struct dw_key *key);

/*
 What may be shown of its token. Borrowed until the key is freed.
 */
struct dw_str dw_key_hint(const struct dw_key *key);

/*
 Its label. Borrowed until the key is freed.
 */
struct dw_str dw_key_label(const struct dw_key *key);

/*
 Its role; `DW_ROLE_NONE` if `key` is NULL.
 */
dw_role dw_key_role(const struct dw_key *key);

/*
 Whether it is good at this moment, as the record says; `DW_KEY_STATUS_NONE` if `key` is NULL.
 */
dw_key_status dw_key_status_now(const struct dw_key *key);

/*
 From when on it is no longer good; absent: never. Borrowed until the key is freed.
 */
struct dw_str dw_key_expires_at(const struct dw_key *key);

/*
 How often it is accepted, if it has a limit of its own; else zero throughout.
 */
struct dw_limit dw_key_rate_limit(const struct dw_key *key);

/*
 Its version: 1 when created, raised by every change; 0 if `key` is NULL.
 */
uint64_t dw_key_version(const struct dw_key *key);

/*
 The whole as JSON, with the status of the moment of the first call. Borrowed until the key is freed.
 */
struct dw_str dw_key_json(const struct dw_key *key);

/*
 Frees the key. NULL is fine; never for one that is borrowed.
 */
void dw_key_free(struct dw_key *key);

/*
 The token: secret, and not to be had again. Borrowed until the created key is freed.
 */
struct dw_str dw_created_key_token(const struct dw_created_key *created);

/*
 The record. Borrowed until the created key is freed.
 */
const struct dw_key *dw_created_key_record(const struct dw_created_key *created);

/*
 Frees the created key, and wipes its token. NULL is fine; never for one that is borrowed.
 */
void dw_created_key_free(struct dw_created_key *created);

/*
 How many there are.
 */
size_t dw_created_keys_count(const struct dw_created_keys *created);

/*
 One of them, or NULL beyond the last. Borrowed until they are freed.
 */
const struct dw_created_key *dw_created_keys_at(const struct dw_created_keys *created,
                                                size_t index);

/*
 Frees the created keys, and wipes their tokens. NULL is fine.
 */
void dw_created_keys_free(struct dw_created_keys *created);

/*
 How many keys were stored; in a dry run, how many would be.
 */
size_t dw_import_report_imported(const struct dw_import_report *report);

/*
 How many keys stand in the way; always 0 but for a dry run.
 */
size_t dw_import_report_conflicts(const struct dw_import_report *report);

/*
 The whole as JSON: `{"dryRun":…,"imported":[…],"conflicts":[{"index":…,"keyHash":…,"reason":…}]}`. Borrowed until the report
 is freed.
 */
struct dw_str dw_import_report_json(const struct dw_import_report *report);

/*
 Frees the report. NULL is fine.
 */
void dw_import_report_free(struct dw_import_report *report);

/*
 Creates an institution's policy in a region, or replaces its config. `config` is JSON:
 `{"position":{"minAmount":100,"maxAmount":"5000.00","allowedCurrencies":["USD"]}}`; amounts are numbers or decimal texts, and
 read exactly. `expected_version` may be NULL; else it is done only if the stored version is that one; 0: only if there is
 none. Puts an owned policy, as it is then, into `policy`.

 Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; `CONFLICT` / `version_mismatch`; what a store can
 answer.
 */
dw_status dw_upsert_policy(const struct dw_session *session,
                           struct dw_str institution_id,
                           struct dw_str region,
                           struct dw_str config,
                           const uint64_t *expected_version,
                           struct dw_policy **policy,
                           struct dw_error **error);

/*
 Merges a patch (JSON, RFC 7396) into a policy's config. Puts an owned policy, as it is then, into `policy`.

 Errors: as `dw_upsert_policy`, and `NOT_FOUND` / `policy_not_found`.
 */
dw_status dw_merge_policy(const struct dw_session *session,
                          struct dw_str institution_id,
                          struct dw_str region,
                          struct dw_str patch,
                          const uint64_t *expected_version,
                          struct dw_policy **policy,
                          struct dw_error **error);

/*
 Gets an institution's policy in a region. Puts an owned policy into `policy`.

 Errors: `VALIDATION` / `unknown_region`; `FORBIDDEN`; `NOT_FOUND`: `institution_not_found`, `policy_not_found`; what a store
 can answer.
 */
dw_status dw_get_policy(const struct dw_session *session,
                        struct dw_str institution_id,
                        struct dw_str region,
                        struct dw_policy **policy,
                        struct dw_error **error);

/*
 Deletes a policy. Puts an owned policy, as it was, into `policy`.

 Errors: as `dw_merge_policy`.
 */
dw_status dw_delete_policy(const struct dw_session *session,
                           struct dw_str institution_id,
                           struct dw_str region,
                           const uint64_t *expected_version,
                           struct dw_policy **policy,
                           struct dw_error **error);

/*
 Its id. Borrowed until the policy is freed.
 */
struct dw_str dw_policy_id(const struct dw_policy *policy);

/*
 Its region. Borrowed until the policy is freed.
 */
struct dw_str dw_policy_region(const struct dw_policy *policy);

/*
 Its config as JSON. Borrowed until the policy is freed.
 */
struct dw_str dw_policy_config(const struct dw_policy *policy);

/*
 Its version; 0 if `policy` is NULL.
 */
uint64_t dw_policy_version(const struct dw_policy *policy);

/*
 The whole as JSON. Borrowed until the policy is freed.
 */
struct dw_str dw_policy_json(const struct dw_policy *policy);

/*
 Frees the policy. NULL is fine; never for one that is borrowed from a page.
 */
void dw_policy_free(struct dw_policy *policy);

/*
 Asks an institution's policy in a region about a position. Puts an owned decision into `decision`; without one nothing
 is allowed.

 Errors: `VALIDATION` (region, amount, currency); `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
 */
dw_status dw_check_position(const struct dw_session *session,
                            struct dw_str institution_id,
                            struct dw_str region,
                            struct dw_position position,
                            struct dw_decision **decision,
                            struct dw_error **error);

/*
 Asks about up to 1000 positions, all on one view of the policy. Puts owned decisions into `decisions`.

 Errors: as `dw_check_position`; fields are named `positions[3].currency`.
 */
dw_status dw_check_positions(const struct dw_session *session,
                             struct dw_str institution_id,
                             struct dw_str region,
                             const struct dw_position *positions,
                             size_t positions_len,
                             struct dw_decisions **decisions,
                             struct dw_error **error);

/*
 Asks a config (JSON, as for `dw_upsert_policy`) that is not stored about up to 1000 positions. Puts owned decisions into
 `decisions`.

 Errors: as `dw_check_positions`, and those of the config as in `dw_upsert_policy`.
 */
dw_status dw_dry_run(const struct dw_session *session,
                     struct dw_str institution_id,
                     struct dw_str region,
                     struct dw_str config,
                     const struct dw_position *positions,
                     size_t positions_len,
                     struct dw_decisions **decisions,
                     struct dw_error **error);

/*
 Authenticates a caller and asks the policy of its institution in a region about a position: one call, on one view of key
 and policy. `institution_id` is whose policy is meant; absent: the caller's own; root has to name one. Puts an owned
 decision into `decision` and, if that is not NULL, an owned context into `context`; without a decision nothing is allowed.
 May wait for the store; any thread.

 Errors: `VALIDATION`; those of `dw_authenticate`; `FORBIDDEN` / `other_institution`; `NOT_FOUND` / `institution_not_found`
 (root); what a store can answer.
 */
dw_status dw_admit(const struct dw_door *door,
                   const struct dw_credentials *credentials,
                   const struct dw_request *request,
                   struct dw_str institution_id,
                   struct dw_str region,
                   struct dw_position position,
                   struct dw_context **context,
                   struct dw_decision **decision,
                   struct dw_error **error);

/*
 Whether the position is allowed; false if `decision` is NULL.
 */
bool dw_decision_allowed(const struct dw_decision *decision);

/*
 On what it was decided.
 */
dw_policy_source dw_decision_policy(const struct dw_decision *decision);

/*
 The policy's id; absent if no stored policy decided. Borrowed until the decision is freed.
 */
struct dw_str dw_decision_policy_id(const struct dw_decision *decision);

/*
 The policy's version; 0 if no stored policy decided.
 */
uint64_t dw_decision_policy_version(const struct dw_decision *decision);

/*
 How many rules are violated.
 */
size_t dw_decision_violations(const struct dw_decision *decision);

/*
 One of the violations, in the order `below_min`, `above_max`, `currency_not_allowed`; all of its texts are absent beyond the
 last. They are borrowed until the decision is freed.
 */
struct dw_violation dw_decision_violation(const struct dw_decision *decision,
                                          size_t index);

/*
 The whole as JSON. Borrowed until the decision is freed.
 */
struct dw_str dw_decision_json(const struct dw_decision *decision);

/*
 Frees the decision. NULL is fine; never for one that is borrowed.
 */
void dw_decision_free(struct dw_decision *decision);

/*
 How many there are.
 */
size_t dw_decisions_count(const struct dw_decisions *decisions);

/*
 One of them, or NULL beyond the last. Borrowed until they are freed.
 */
const struct dw_decision *dw_decisions_at(const struct dw_decisions *decisions, size_t index);

/*
 Frees the decisions. NULL is fine.
 */
void dw_decisions_free(struct dw_decisions *decisions);

/*
 Lists institutions; only root and the system may. `page_request` may be NULL. Puts an owned page into `page`.

 Errors: `VALIDATION` (limit, cursor, order); `FORBIDDEN`; what a store can answer.
 */
dw_status dw_list_institutions(const struct dw_session *session,
                               const struct dw_page_request *page_request,
                               struct dw_page **page,
                               struct dw_error **error);

/*
 Lists an institution's keys. `query` and `page_request` may be NULL. Puts an owned page into `page`.

 Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
 */
dw_status dw_list_keys(const struct dw_session *session,
                       struct dw_str institution_id,
                       const struct dw_key_query *query,
                       const struct dw_page_request *page_request,
                       struct dw_page **page,
                       struct dw_error **error);

/*
 Lists an institution's policies. `page_request` may be NULL. Puts an owned page into `page`.

 Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
 */
dw_status dw_list_policies(const struct dw_session *session,
                           struct dw_str institution_id,
                           const struct dw_page_request *page_request,
                           struct dw_page **page,
                           struct dw_error **error);

/*
 Lists the versions of an institution's policy in a region. `page_request` may be NULL. Puts an owned page into `page`.

 Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
 */
dw_status dw_policy_history(const struct dw_session *session,
                            struct dw_str institution_id,
                            struct dw_str region,
                            const struct dw_page_request *page_request,
                            struct dw_page **page,
                            struct dw_error **error);

/*
 Lists audit events in the order of writing. `query` and `page_request` may be NULL. Puts an owned page into `page`.

 Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
 */
dw_status dw_list_audit_events(const struct dw_session *session,
                               const struct dw_audit_query *query,
                               const struct dw_page_request *page_request,
                               struct dw_page **page,
                               struct dw_error **error);

/*
 How many items the page has.
 */
size_t dw_page_count(const struct dw_page *page);

/*
 The cursor of the next page; absent after the last. Borrowed until the page is freed.
 */
struct dw_str dw_page_next(const struct dw_page *page);

/*
 An item of any page as JSON, and the only way to see versions of policies and audit events; absent beyond the last. Borrowed
 until the page is freed.
 */
struct dw_str dw_page_json_at(const struct dw_page *page,
                              size_t index);

/*
 An institution of a page of institutions; NULL beyond the last, and for other pages. Borrowed until the page is freed.
 */
const struct dw_institution *dw_page_institution_at(const struct dw_page *page,
                                                    size_t index);

/*
 A key of a page of keys; NULL beyond the last, and for other pages. Borrowed until the page is freed.
 */
const struct dw_key *dw_page_key_at(const struct dw_page *page,
                                    size_t index);

/*
 A policy of a page of policies; NULL beyond the last, and for other pages. Borrowed until the page is freed.
 */
const struct dw_policy *dw_page_policy_at(const struct dw_page *page,
                                          size_t index);

/*
 Frees the page. NULL is fine.
 */
void dw_page_free(struct dw_page *page);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

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
