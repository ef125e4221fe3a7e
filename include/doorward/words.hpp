// The words of doorward: enums whose numbers are those of doorward.h.

#ifndef DOORWARD_WORDS_HPP
#define DOORWARD_WORDS_HPP

#include <doorward.h>

#include <cstdint>

namespace doorward {

/// What came of a call.
enum class status : std::int32_t {
    ok = DW_STATUS_OK,
    validation = DW_STATUS_VALIDATION,
    unauthenticated = DW_STATUS_UNAUTHENTICATED,
    forbidden = DW_STATUS_FORBIDDEN,
    not_found = DW_STATUS_NOT_FOUND,
    conflict = DW_STATUS_CONFLICT,
    rate_limited = DW_STATUS_RATE_LIMITED,
    database = DW_STATUS_DATABASE,
    unavailable = DW_STATUS_UNAVAILABLE,
    config = DW_STATUS_CONFIG,
    closed = DW_STATUS_CLOSED,
    internal = DW_STATUS_INTERNAL,
};

/// How much a log record matters. `none`: not given.
enum class log_level : std::int32_t {
    none = DW_LOG_LEVEL_NONE,
    error = DW_LOG_LEVEL_ERROR,
    warn = DW_LOG_LEVEL_WARN,
    info = DW_LOG_LEVEL_INFO,
    debug = DW_LOG_LEVEL_DEBUG,
    trace = DW_LOG_LEVEL_TRACE,
};

/// What a caller may do. `none`: nobody was let in; as a filter: any.
enum class role : std::int32_t {
    none = DW_ROLE_NONE,
    root = DW_ROLE_ROOT,
    admin = DW_ROLE_ADMIN,
    read_only = DW_ROLE_READ_ONLY,
};

/// Whether a key is good, and if not, why. `none`: there is no key; as a filter: any.
enum class key_status : std::int32_t {
    none = DW_KEY_STATUS_NONE,
    active = DW_KEY_STATUS_ACTIVE,
    disabled = DW_KEY_STATUS_DISABLED,
    expired = DW_KEY_STATUS_EXPIRED,
    revoked = DW_KEY_STATUS_REVOKED,
};

/// On what a decision was made: no policy, the stored one, one that cannot be read, or the one that was given.
enum class policy_source : std::int32_t {
    none = DW_POLICY_SOURCE_NONE,
    found = DW_POLICY_SOURCE_FOUND,
    unreadable = DW_POLICY_SOURCE_UNREADABLE,
    given = DW_POLICY_SOURCE_GIVEN,
};

/// In which order a list comes.
enum class order : std::int32_t {
    newest_first = DW_ORDER_NEWEST_FIRST,
    oldest_first = DW_ORDER_OLDEST_FIRST,
};
}  // namespace doorward

#endif
