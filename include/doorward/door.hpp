// The door: opening and closing it, and who is let in.

#ifndef DOORWARD_DOOR_HPP
#define DOORWARD_DOOR_HPP

#include <doorward/session.hpp>
#include <doorward/sinks.hpp>

#include <memory>

namespace doorward {

/// The handle to keys and policies.
class door_view : public view<dw_door> {
public:
    using view::view;

    /// Writes what was gathered, finishes what was begun, and lets go of threads and files. Every later call answers closed.
    result<void> close(std::chrono::milliseconds deadline) const noexcept {
        return detail::done(dw_close, raw_, static_cast<std::uint64_t>(deadline.count() < 0 ? 0 : deadline.count()));
    }
    /// Whether the store can be reached. That it cannot is part of the answer, not an error.
    result<doorward::health> health() const noexcept {
        doorward::health answer;
        result<text> json = detail::give<text>(dw_health, raw_, &answer.reachable);
        if (!json) return std::move(json).error();
        answer.json = *std::move(json);
        return answer;
    }
    /// What was counted and timed, in Prometheus' exposition format.
    result<text> metrics_text() const noexcept { return detail::give<text>(dw_metrics_text, raw_); }
    /// The same as JSON.
    result<text> metrics_json() const noexcept { return detail::give<text>(dw_metrics_json, raw_); }

    /// Authenticates a caller.
    result<context> authenticate(const credentials &presented, const request &known = {}) const noexcept {
        return detail::give<context>(dw_authenticate, raw_, presented, known);
    }
    /// Whether a caller is let in, without making an object. Puts a context into `granted` if that is not null, an empty one if
    /// the caller is not let in.
    doorward::verdict verify(
        const credentials &presented, const request &known = {}, context *granted = nullptr
    ) const noexcept {
        doorward::verdict verdict;
        dw_context *made = nullptr;
        dw_verify(raw_, detail::pass(presented), detail::pass(known), &verdict.raw_, granted ? &made : nullptr);
        if (granted) *granted = context(made);
        return verdict;
    }
    /// What an authenticated caller has left of its rate limit, in this process; nothing if it has no limit. Takes nothing.
    result<std::optional<rate_limit_status>> rate_limit(context_view caller) const noexcept {
        auto left = detail::give<rate_limit_status>(dw_rate_limit, raw_, caller.get());
        if (!left) return std::move(left).error();
        if (!*left) return std::optional<rate_limit_status>();
        return std::optional<rate_limit_status>(*std::move(left));
    }
    /// Begins what verify does, without ever waiting for the store. `callback(const verdict &, context)` is called once if this
    /// succeeds, and never otherwise: on this thread before this returns, or on one of doorward's own, where it must not
    /// block, and maybe when the door is closed or gone already. It is moved into the library and destroyed after the call, and
    /// must not throw.
    template <typename Callback>
    result<void> lookup(const credentials &presented, const request &known, Callback callback) const noexcept {
        static_assert(std::is_invocable_v<Callback &, const doorward::verdict &, context>, "takes a verdict and a context");
        const dw_lookup_done tell = [](void *user, const dw_verdict *verdict, dw_context *granted) noexcept {
            const std::unique_ptr<Callback> kept(static_cast<Callback *>(user));
            (*kept)(doorward::verdict(*verdict), context(granted));
        };
        auto kept = std::make_unique<Callback>(std::move(callback));
        result<void> begun = detail::done(dw_lookup_start, raw_, presented, known, tell, static_cast<void *>(kept.get()));
        if (begun) static_cast<void>(kept.release());  // The callback has it, or had it.
        return begun;
    }
    /// The record of the live key that has this token, if there is one.
    result<std::optional<key>> find_by_token(std::string_view token) const noexcept {
        result<key> found = detail::give<key>(dw_find_by_token, raw_, token);
        if (!found) return std::move(found).error();
        if (!*found) return std::optional<key>();
        return std::optional<key>(*std::move(found));
    }
    /// Authenticates a caller and asks the policy of an institution in a region, all on one view of key and policy. An absent
    /// institution is the caller's own. Puts a context into `granted` if that is not null, an empty one without a decision.
    result<decision> admit(
        const credentials &presented, const request &known, std::string_view institution_id, std::string_view region,
        const position &asked, context *granted = nullptr
    ) const noexcept {
        dw_context *made = nullptr;
        dw_context **place = granted ? &made : nullptr;
        auto answer = detail::give<decision>(dw_admit, raw_, presented, known, institution_id, region, asked, place);
        if (granted) *granted = context(made);
        return answer;
    }

    /// Binds the door to an authenticated caller, for one request.
    result<doorward::session> session(context_view caller, const request &known = {}) const noexcept {
        return detail::give<doorward::session>(dw_session_new, raw_, caller.get(), known);
    }
    /// The session of the host's own trusted code: nothing is asked of permission.
    result<doorward::session> system() const noexcept { return detail::give<doorward::session>(dw_session_system, raw_); }
};
using door = owned<door_view, dw_door_free>;

namespace detail {

template <typename Function>
result<door> open(Function function, const options &given, const dw_audit_sink *audit_sink = nullptr) noexcept {
    const auto settings = all_raw(given.settings);
    auto raw = versioned<dw_options>();
    raw.settings = settings.data();
    raw.settings_len = settings.size();
    raw.memory_audit_capacity = given.memory_audit_capacity;
    raw.audit_authentications = given.audit_authentications;
    raw.audit_reads = given.audit_reads;
    raw.audit_sink = audit_sink;
    return give<door>(function, static_cast<const dw_options *>(&raw));
}

template <typename Function, typename Sink>
result<door> open_audited(Function function, const options &given, Sink sink) noexcept {
    handed<dw_audit_sink, dw_audit_event, Sink> handed(std::move(sink));
    dw_audit_sink raw = handed.raw();
    raw.event = handed.call;
    result<door> opened = open(function, given, &raw);
    if (opened) handed.taken();
    return opened;
}

}  // namespace detail

/// Opens a door as the options say; in memory if they say nothing.
inline result<door> open(const options &given = {}) noexcept { return detail::open(dw_open, given); }

/// Opens a door whose every audit event is given to `sink(const audit_event &)` once it is in the trail, on a thread of the
/// door's own, one at a time. The sink may block; it is moved into the library, destroyed when the door no longer needs it,
/// at the latest after the door and its sessions are gone, and must not throw.
template <typename Sink>
result<door> open(const options &given, Sink sink) noexcept {
    return detail::open_audited(dw_open, given, std::move(sink));
}

/// Opens a door as the process's environment says. The options must have no settings.
inline result<door> open_env(const options &given = {}) noexcept { return detail::open(dw_open_env, given); }

/// The same, with a sink for audit events.
template <typename Sink>
result<door> open_env(const options &given, Sink sink) noexcept {
    return detail::open_audited(dw_open_env, given, std::move(sink));
}

}  // namespace doorward

#endif
