// What is given to the library: plain structs to fill in. What is left as it is made is not given. Texts are borrowed: each
// must live until the call that takes the struct has returned.

#ifndef DOORWARD_ARGUMENTS_HPP
#define DOORWARD_ARGUMENTS_HPP

#include <doorward/result.hpp>

#include <initializer_list>
#include <string>
#include <vector>

namespace doorward {

namespace detail {

/// A struct of options in which nothing is given yet.
template <typename Options>
Options versioned() noexcept {
    Options options{};
    options.struct_size = sizeof options;
    return options;
}

/// The C form of each of a list.
template <typename Item>
auto all_raw(const std::vector<Item> &items) noexcept {
    std::vector<decltype(items.front().raw())> all;
    all.reserve(items.size());
    for (const Item &item : items) all.push_back(item.raw());
    return all;
}

}  // namespace detail

/// A list of texts. Made by default it is absent, which is not the same as an empty one.
class texts {
public:
    texts() = default;
    texts(std::initializer_list<std::string_view> items) : texts(items.begin(), items.end()) {}
    /// Of any list of what is a text.
    template <typename Items, typename = decltype(std::string_view(*std::begin(std::declval<const Items &>())))>
    explicit texts(const Items &items) : texts(std::begin(items), std::end(items)) {}

    dw_strs raw() const noexcept {
        static constexpr dw_str nothing{};
        if (!given_) return {};
        return {items_.empty() ? &nothing : items_.data(), items_.size()};
    }

private:
    template <typename Iterator>
    texts(Iterator begin, Iterator end) : given_(true) {
        for (; begin != end; ++begin) items_.push_back(detail::to_c(*begin));
    }

    std::vector<dw_str> items_;
    bool given_ = false;
};

/// A setting: one of the variables that the README lists under "Opening".
struct setting {
    std::string_view name;
    std::string_view value;

    dw_setting raw() const noexcept { return {detail::to_c(name), detail::to_c(value)}; }
};

/// How a door is opened.
struct options {
    /// What is not among them has its default.
    std::vector<setting> settings;
    /// How many audit events a memory store keeps; 0 is the default, 10,000.
    std::uint64_t memory_audit_capacity = 0;
    /// Whether the audit trail holds successful authentications as well, and reads.
    bool audit_authentications = false;
    bool audit_reads = false;
};

/// What a caller presents.
class credentials {
public:
    /// The token as it is.
    static credentials token(std::string_view token) noexcept {
        credentials made;
        made.token_ = token;
        return made;
    }

    /// All headers of a request: a list of pairs of name and value, such as a std::map of strings.
    template <typename Headers = std::initializer_list<std::pair<std::string_view, std::string_view>>>
    static credentials headers(const Headers &headers) {
        credentials made;
        for (const auto &[name, value] : headers) made.headers_.push_back({detail::to_c(name), detail::to_c(value)});
        return made;
    }

    dw_credentials raw() const noexcept {
        auto raw = detail::versioned<dw_credentials>();
        raw.token = detail::to_c(token_);
        raw.headers = headers_.data();
        raw.headers_len = headers_.size();
        return raw;
    }

private:
    credentials() = default;

    std::string_view token_;
    std::vector<dw_header> headers_;
};

/// What is known of a request, for the audit trail and for rules about addresses.
struct request {
    std::string_view method{};
    /// A query is cut off.
    std::string_view path{};
    std::string_view request_id{};
    /// The address at the other end of the socket, without a port.
    std::string_view peer{};
    /// The value of X-Forwarded-For; it counts only if the peer is a trusted proxy.
    std::string_view forwarded_for{};

    dw_request raw() const noexcept {
        auto raw = detail::versioned<dw_request>();
        raw.method = detail::to_c(method);
        raw.path = detail::to_c(path);
        raw.request_id = detail::to_c(request_id);
        raw.peer = detail::to_c(peer);
        raw.forwarded_for = detail::to_c(forwarded_for);
        return raw;
    }
};

/// An institution to be created.
struct new_institution {
    /// Absent: one is made.
    std::string_view id{};
    std::string_view name{};
    texts regions{};

    dw_new_institution raw() const noexcept {
        auto raw = detail::versioned<dw_new_institution>();
        raw.id = detail::to_c(id);
        raw.name = detail::to_c(name);
        raw.regions = regions.raw();
        return raw;
    }
};

/// What is to change about an institution.
struct institution_patch {
    std::string_view name{};
    /// The new list, whole.
    texts regions{};

    dw_institution_patch raw() const noexcept {
        auto raw = detail::versioned<dw_institution_patch>();
        raw.name = detail::to_c(name);
        raw.regions = regions.raw();
        return raw;
    }
};

/// A key to be created, or imported.
struct new_key {
    std::string_view label{};
    /// admin or read_only.
    doorward::role role = doorward::role::none;
    /// From when on it is no longer good, in RFC 3339; absent: never.
    std::string_view expires_at{};
    /// From where it may be used: addresses and CIDR ranges; absent or empty: from anywhere.
    texts allowed_addresses{};
    /// The host's own data, a JSON object.
    std::string_view metadata{};
    /// For import_keys alone: the SHA-256 of the token, 64 hex digits.
    std::string_view key_hash{};
    /// How often it is accepted; none: as often as the configuration says. Only root and the system may give one.
    doorward::rate_limit rate_limit{};

    dw_new_key raw() const noexcept {
        auto raw = detail::versioned<dw_new_key>();
        raw.label = detail::to_c(label);
        raw.role = static_cast<std::int32_t>(role);
        raw.expires_at = detail::to_c(expires_at);
        raw.allowed_addresses = allowed_addresses.raw();
        raw.metadata = detail::to_c(metadata);
        raw.key_hash = detail::to_c(key_hash);
        raw.rate_limit = rate_limit.raw();
        return raw;
    }
};

/// What is to change about a key.
struct key_patch {
    std::string_view label{};
    /// The new expiry, in RFC 3339.
    std::string_view expires_at{};
    /// The new list, whole.
    texts allowed_addresses{};
    /// The new data, whole.
    std::string_view metadata{};
    /// Change only if the record has this version.
    std::optional<std::uint64_t> expected_version{};
    /// The expiry is removed; `expires_at` must be absent then.
    bool removes_expiry = false;
    /// The new limit.
    doorward::rate_limit rate_limit{};
    /// The key's own limit is removed; `rate_limit` must be none then.
    bool removes_rate_limit = false;

    dw_key_patch raw() const noexcept {
        auto raw = detail::versioned<dw_key_patch>();
        raw.label = detail::to_c(label);
        raw.expires_at = detail::to_c(expires_at);
        raw.allowed_addresses = allowed_addresses.raw();
        raw.metadata = detail::to_c(metadata);
        raw.expected_version = detail::pass(expected_version);
        raw.removes_expiry = removes_expiry;
        raw.rate_limit = rate_limit.raw();
        raw.removes_rate_limit = removes_rate_limit;
        return raw;
    }
};

/// What a policy is asked about: an amount in major units as decimal text, and a currency's code.
struct position {
    std::string_view amount{};
    std::string_view currency{};

    dw_position raw() const noexcept { return {detail::to_c(amount), detail::to_c(currency)}; }
};

/// Which page of a list is asked for.
struct page_request {
    /// next() of the page before, which need not live on; empty: the first page.
    std::string cursor{};
    /// How many items, 1 to 1000; 50 if it is not said.
    std::optional<std::uint64_t> limit{};
    /// The same for all pages of a list.
    doorward::order order = doorward::order::newest_first;

    dw_page_request raw() const noexcept {
        auto raw = detail::versioned<dw_page_request>();
        if (!cursor.empty()) raw.cursor = detail::to_c(cursor);
        raw.limit = detail::pass(limit);
        raw.order = static_cast<std::int32_t>(order);
        return raw;
    }
};

/// Which keys to list: all that are not revoked, if nothing is said.
struct key_query {
    doorward::role role = doorward::role::none;
    key_status status = key_status::none;
    /// Revoked keys as well.
    bool include_revoked = false;

    dw_key_query raw() const noexcept {
        auto raw = detail::versioned<dw_key_query>();
        raw.role = static_cast<std::int32_t>(role);
        raw.status = static_cast<std::int32_t>(status);
        raw.include_revoked = include_revoked;
        return raw;
    }
};

/// Which audit events to list.
struct audit_query {
    /// Absent: of all institutions, which only root and the system may see.
    std::string_view institution_id{};
    /// A key's id, root, system or anonymous.
    std::string_view actor{};
    /// Such as create_key.
    std::string_view action{};
    /// Only those that occurred at this time or later, in RFC 3339.
    std::string_view since{};
    /// Only those that occurred before this time.
    std::string_view until{};

    dw_audit_query raw() const noexcept {
        auto raw = detail::versioned<dw_audit_query>();
        raw.institution_id = detail::to_c(institution_id);
        raw.actor = detail::to_c(actor);
        raw.action = detail::to_c(action);
        raw.since = detail::to_c(since);
        raw.until = detail::to_c(until);
        return raw;
    }
};

}  // namespace doorward

#endif
