// What the library gives: records, verdicts, decisions, pages.

#ifndef DOORWARD_RECORDS_HPP
#define DOORWARD_RECORDS_HPP

#include <doorward/result.hpp>

namespace doorward {

/// A text that the library made.
class text_view : public view<dw_text> {
public:
    using view::view;

    std::string_view str() const noexcept { return detail::from_c(dw_text_str(raw_)); }
};
using text = owned<text_view, dw_text_free>;

/// Whether the store can be reached, and more as JSON.
struct health {
    bool reachable = false;
    text json;
};

/// Who the caller is. Only authentication makes one.
class context_view : public view<dw_context> {
public:
    using view::view;

    doorward::role role() const noexcept { return static_cast<doorward::role>(dw_context_role(raw_)); }
    /// The institution to which the caller belongs; absent for root.
    std::string_view institution_id() const noexcept { return detail::from_c(dw_context_institution_id(raw_)); }
    /// The caller's key; absent for root.
    std::string_view key_id() const noexcept { return detail::from_c(dw_context_key_id(raw_)); }
    /// The whole: {"role":...,"institutionId":...,"apiKeyId":...}.
    std::string_view json() const noexcept { return detail::from_c(dw_context_json(raw_)); }
};
using context = owned<context_view, dw_context_free>;

/// Whether a caller is let in. Owns nothing; its texts live as long as itself.
class [[nodiscard]] verdict {
public:
    explicit verdict(const dw_verdict &raw) noexcept : raw_(raw) {}

    /// Whether the caller is let in.
    bool granted() const noexcept { return raw_.status == DW_STATUS_OK; }
    explicit operator bool() const noexcept { return granted(); }
    doorward::status status() const noexcept { return static_cast<doorward::status>(raw_.status); }
    /// What it may do; none if it is not let in.
    doorward::role role() const noexcept { return static_cast<doorward::role>(raw_.role); }
    /// Why it is not let in: revoked. Absent if it is; static.
    std::string_view reason() const noexcept { return detail::from_c(raw_.reason); }
    /// Of rate_limited: after how long the caller may come again; else 0.
    std::chrono::milliseconds retry_after() const noexcept { return detail::from_c_millis(raw_.retry_after_ms); }
    /// The institution to which it belongs; absent for root.
    std::string_view institution_id() const noexcept { return detail::from_c(raw_.institution_id); }
    /// Its key; absent for root.
    std::string_view key_id() const noexcept { return detail::from_c(raw_.key_id); }

private:
    friend class door_view;
    verdict() noexcept {}  // dw_verify writes all that is read.

    dw_verdict raw_;
};

/// An institution.
class institution_view : public view<dw_institution> {
public:
    using view::view;

    std::string_view id() const noexcept { return detail::from_c(dw_institution_id(raw_)); }
    std::string_view name() const noexcept { return detail::from_c(dw_institution_name(raw_)); }
    /// The whole.
    std::string_view json() const noexcept { return detail::from_c(dw_institution_json(raw_)); }
};
using institution = owned<institution_view, dw_institution_free>;

/// The record of an API key: everything about a token but the token.
class key_view : public view<dw_key> {
public:
    using view::view;

    std::string_view id() const noexcept { return detail::from_c(dw_key_id(raw_)); }
    std::string_view institution_id() const noexcept { return detail::from_c(dw_key_institution_id(raw_)); }
    /// What may be shown of its token.
    std::string_view hint() const noexcept { return detail::from_c(dw_key_hint(raw_)); }
    std::string_view label() const noexcept { return detail::from_c(dw_key_label(raw_)); }
    doorward::role role() const noexcept { return static_cast<doorward::role>(dw_key_role(raw_)); }
    /// Whether it is good at this moment, as the record says.
    key_status status() const noexcept { return static_cast<key_status>(dw_key_status_now(raw_)); }
    /// From when on it is no longer good; absent: never.
    std::string_view expires_at() const noexcept { return detail::from_c(dw_key_expires_at(raw_)); }
    /// How often it is accepted, if it has a limit of its own; else none.
    doorward::rate_limit rate_limit() const noexcept { return detail::from_c(dw_key_rate_limit(raw_)); }
    /// 1 when created, raised by every change.
    std::uint64_t version() const noexcept { return dw_key_version(raw_); }
    /// The whole, with the status of the moment of the first call.
    std::string_view json() const noexcept { return detail::from_c(dw_key_json(raw_)); }
};
using key = owned<key_view, dw_key_free>;

/// A key with its token, which is shown this once and wiped when the owner is destroyed.
class created_key_view : public view<dw_created_key> {
public:
    using view::view;

    /// Secret, and not to be had again.
    std::string_view token() const noexcept { return detail::from_c(dw_created_key_token(raw_)); }
    key_view record() const noexcept { return key_view(dw_created_key_record(raw_)); }
};
using created_key = owned<created_key_view, dw_created_key_free>;

/// Keys that were created together, as a list of created_key_view.
class created_keys_view : public view<dw_created_keys>, public detail::iterable<created_keys_view> {
public:
    using view::view;

    std::size_t size() const noexcept { return dw_created_keys_count(raw_); }
    created_key_view operator[](std::size_t index) const noexcept { return created_key_view(dw_created_keys_at(raw_, index)); }
};
using created_keys = owned<created_keys_view, dw_created_keys_free>;

/// What an import did.
class import_report_view : public view<dw_import_report> {
public:
    using view::view;

    /// How many keys were stored; in a dry run, how many would be.
    std::size_t imported() const noexcept { return dw_import_report_imported(raw_); }
    /// How many keys stand in the way; always 0 but for a dry run.
    std::size_t conflicts() const noexcept { return dw_import_report_conflicts(raw_); }
    /// The whole, with every conflict.
    std::string_view json() const noexcept { return detail::from_c(dw_import_report_json(raw_)); }
};
using import_report = owned<import_report_view, dw_import_report_free>;

/// A policy: the rules of one institution in one region.
class policy_view : public view<dw_policy> {
public:
    using view::view;

    std::string_view id() const noexcept { return detail::from_c(dw_policy_id(raw_)); }
    std::string_view region() const noexcept { return detail::from_c(dw_policy_region(raw_)); }
    /// Its config as JSON.
    std::string_view config() const noexcept { return detail::from_c(dw_policy_config(raw_)); }
    std::uint64_t version() const noexcept { return dw_policy_version(raw_); }
    /// The whole.
    std::string_view json() const noexcept { return detail::from_c(dw_policy_json(raw_)); }
};
using policy = owned<policy_view, dw_policy_free>;

/// A rule that a position violates.
struct violation {
    /// below_min, above_max or currency_not_allowed.
    std::string_view code;
    /// What the rule says.
    std::string_view limit;
    /// What was asked about.
    std::string_view value;
};

/// The violations of a decision, as a list.
class violations_view : public view<dw_decision>, public detail::iterable<violations_view> {
public:
    using view::view;

    std::size_t size() const noexcept { return dw_decision_violations(raw_); }
    violation operator[](std::size_t index) const noexcept {
        const dw_violation found = dw_decision_violation(raw_, index);
        return {detail::from_c(found.code), detail::from_c(found.limit), detail::from_c(found.value)};
    }
};

/// What a policy says about a position.
class decision_view : public view<dw_decision> {
public:
    using view::view;

    /// Whether the position is allowed; never, without a decision.
    bool allowed() const noexcept { return dw_decision_allowed(raw_); }
    /// On what it was decided.
    policy_source policy() const noexcept { return static_cast<policy_source>(dw_decision_policy(raw_)); }
    /// Absent if no stored policy decided.
    std::string_view policy_id() const noexcept { return detail::from_c(dw_decision_policy_id(raw_)); }
    /// 0 if no stored policy decided.
    std::uint64_t policy_version() const noexcept { return dw_decision_policy_version(raw_); }
    /// Every rule that is violated.
    violations_view violations() const noexcept { return violations_view(raw_); }
    /// The whole.
    std::string_view json() const noexcept { return detail::from_c(dw_decision_json(raw_)); }
};
using decision = owned<decision_view, dw_decision_free>;

/// Decisions about several positions, in their order, as a list of decision_view.
class decisions_view : public view<dw_decisions>, public detail::iterable<decisions_view> {
public:
    using view::view;

    std::size_t size() const noexcept { return dw_decisions_count(raw_); }
    decision_view operator[](std::size_t index) const noexcept { return decision_view(dw_decisions_at(raw_, index)); }
};
using decisions = owned<decisions_view, dw_decisions_free>;

/// A page of a list of institution_view, key_view, policy_view, or of JSON as std::string_view. All pages:
///
///     doorward::page_request wanted;
///     do {
///         auto page = session.list_keys("acme", {}, wanted);
///         if (!page) return complain(page.error());
///         for (doorward::key_view key : *page) show(key.label());
///         wanted.cursor = page->next();
///     } while (!wanted.cursor.empty());
template <typename Item>
class page_view : public view<dw_page>, public detail::iterable<page_view<Item>> {
public:
    using view::view;

    std::size_t size() const noexcept { return dw_page_count(raw_); }
    Item operator[](std::size_t index) const noexcept {
        if constexpr (std::is_same_v<Item, institution_view>) return Item(dw_page_institution_at(raw_, index));
        else if constexpr (std::is_same_v<Item, key_view>) return Item(dw_page_key_at(raw_, index));
        else if constexpr (std::is_same_v<Item, policy_view>) return Item(dw_page_policy_at(raw_, index));
        else return json(index);
    }
    /// An item as JSON.
    std::string_view json(std::size_t index) const noexcept { return detail::from_c(dw_page_json_at(raw_, index)); }
    /// The cursor of the next page; absent after the last.
    std::string_view next() const noexcept { return detail::from_c(dw_page_next(raw_)); }
};
template <typename Item>
using page = owned<page_view<Item>, dw_page_free>;
}  // namespace doorward

#endif
