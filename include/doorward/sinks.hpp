// Sinks: callables of the host's that are given what the library logs and what it records in the audit trail.

#ifndef DOORWARD_SINKS_HPP
#define DOORWARD_SINKS_HPP

#include <doorward/arguments.hpp>

#include <memory>

namespace doorward {

/// What was logged. Borrowed for the call of the sink.
struct log_record {
    log_level level;
    /// When, in RFC 3339.
    std::string_view time;
    /// Which part of the library.
    std::string_view target;
    /// What, with its fields, on one line.
    std::string_view message;
};

/// An audit event that was recorded. Borrowed for the call of the sink.
struct audit_event {
    /// By which it is found in the trail.
    std::string_view id;
    /// When, in RFC 3339.
    std::string_view occurred_at;
    /// A key's id, root, system or anonymous.
    std::string_view actor;
    /// The operation: create_key.
    std::string_view action;
    /// succeeded, forbidden or refused.
    std::string_view outcome;
    /// The institution concerned; may be absent.
    std::string_view institution_id;
    /// What it was done to, and its id; may be absent.
    std::string_view resource_type;
    std::string_view resource_id;
    /// The reason of a refusal; absent if it is none.
    std::string_view error;
    /// All of it, on one line.
    std::string_view json;
};

namespace detail {

inline log_record from_c(const dw_log_record &raw) noexcept {
    return {static_cast<log_level>(raw.level), from_c(raw.time), from_c(raw.target), from_c(raw.message)};
}

inline audit_event from_c(const dw_audit_event &raw) noexcept {
    return {from_c(raw.id), from_c(raw.occurred_at), from_c(raw.actor), from_c(raw.action), from_c(raw.outcome),
            from_c(raw.institution_id), from_c(raw.resource_type), from_c(raw.resource_id), from_c(raw.error), from_c(raw.json)};
}

/// A callable on its way into the library, which frees it as soon as it is handed over and no longer needed.
template <typename Raw, typename Given, typename Sink>
class handed {
public:
    explicit handed(Sink sink) noexcept : sink_(std::make_unique<Sink>(std::move(sink))) {
        static_assert(std::is_invocable_v<Sink &, decltype(from_c(std::declval<const Given &>()))>, "takes what a sink is given");
    }

    Raw raw() const noexcept {
        Raw raw = versioned<Raw>();
        raw.user = sink_.get();
        raw.user_free = [](void *user) noexcept { delete static_cast<Sink *>(user); };
        return raw;
    }

    static void call(void *user, const Given *given) noexcept { (*static_cast<Sink *>(user))(from_c(*given)); }

    /// The library has it.
    void taken() noexcept { static_cast<void>(sink_.release()); }

private:
    std::unique_ptr<Sink> sink_;
};

}  // namespace detail

/// Has what the library logs, and what matters at least so much, given to `sink(const log_record &)` from now on, in place of the
/// sink before; for the whole process. It is called on whichever thread logs, on several at once, so it must be quick and fit
/// for that. It is moved into the library, destroyed when another one has taken its place, and must not throw.
template <typename Sink>
result<void> log_to(Sink sink, log_level least = log_level::info) noexcept {
    detail::handed<dw_log_sink, dw_log_record, Sink> handed(std::move(sink));
    dw_log_sink raw = handed.raw();
    raw.record = handed.call;
    raw.level = static_cast<std::int32_t>(least);
    result<void> done = detail::done(dw_log_to, static_cast<const dw_log_sink *>(&raw));
    if (done) handed.taken();
    return done;
}

/// Has what the library logs given to nobody.
inline result<void> log_to(std::nullptr_t) noexcept { return detail::done(dw_log_to, static_cast<const dw_log_sink *>(nullptr)); }

}  // namespace doorward

#endif
