// Sessions: operations on institutions, keys, policies and the audit trail.

#ifndef DOORWARD_SESSION_HPP
#define DOORWARD_SESSION_HPP

#include <doorward/arguments.hpp>
#include <doorward/records.hpp>

namespace doorward {

/// On whose behalf operations are made: an authenticated caller, or the host's own trusted code.
class session_view : public view<dw_session> {
    using text_in = std::string_view;
    /// Do it only if the record has this version.
    using version_in = std::optional<std::uint64_t>;

public:
    using view::view;

    /// Creates an institution; only root and the system may.
    result<institution> create_institution(const new_institution &wanted) const noexcept {
        return detail::give<institution>(dw_create_institution, raw_, wanted);
    }
    /// Gets an institution.
    result<institution> get_institution(text_in institution_id) const noexcept {
        return detail::give<institution>(dw_get_institution, raw_, institution_id);
    }
    /// Changes an institution; only root and the system may. Gives it as it is then.
    result<institution> update_institution(text_in institution_id, const institution_patch &patch) const noexcept {
        return detail::give<institution>(dw_update_institution, raw_, institution_id, patch);
    }
    /// Lists institutions; only root and the system may.
    result<page<institution_view>> list_institutions(const page_request &wanted = {}) const noexcept {
        return detail::give<page<institution_view>>(dw_list_institutions, raw_, wanted);
    }

    /// Creates a key, and gives it with its token.
    result<created_key> create_key(text_in institution_id, const new_key &wanted) const noexcept {
        return detail::give<created_key>(dw_create_key, raw_, institution_id, wanted);
    }
    /// Creates up to 10,000 keys, all or none, and gives them in this order.
    result<created_keys> create_keys(text_in institution_id, const std::vector<new_key> &wanted) const noexcept {
        const auto raw = detail::all_raw(wanted);
        return detail::give<created_keys>(dw_create_keys, raw_, institution_id, raw.data(), raw.size());
    }
    /// Imports up to 1,000,000 keys that exist elsewhere by the SHA-256 of their tokens, all or none.
    result<import_report> import_keys(text_in institution_id, const std::vector<new_key> &keys) const noexcept {
        return import(institution_id, keys, false);
    }
    /// What import_keys would do, with every conflict. Nothing is stored.
    result<import_report> import_keys_dry_run(text_in institution_id, const std::vector<new_key> &keys) const noexcept {
        return import(institution_id, keys, true);
    }
    /// Gets a key.
    result<key> get_key(text_in institution_id, text_in key_id) const noexcept {
        return detail::give<key>(dw_get_key, raw_, institution_id, key_id);
    }
    /// Lists an institution's keys.
    result<page<key_view>> list_keys(
        text_in institution_id, const key_query &query = {}, const page_request &wanted = {}
    ) const noexcept {
        return detail::give<page<key_view>>(dw_list_keys, raw_, institution_id, query, wanted);
    }
    /// Changes a key's label, expiry, addresses or metadata. Gives it as it is then.
    result<key> update_key(text_in institution_id, text_in key_id, const key_patch &patch) const noexcept {
        return detail::give<key>(dw_update_key, raw_, institution_id, key_id, patch);
    }
    /// Gives a key a successor with a token of its own; the old token stays good for `grace`, at most 90 days.
    result<created_key> rotate_key(text_in institution_id, text_in key_id, std::chrono::milliseconds grace) const noexcept {
        // A negative one is far too long, and refused.
        const auto grace_ms = static_cast<std::uint64_t>(grace.count());
        return detail::give<created_key>(dw_rotate_key, raw_, institution_id, key_id, grace_ms);
    }
    /// Switches a key on again. Gives it as it is then.
    result<key> enable_key(text_in institution_id, text_in key_id) const noexcept {
        return detail::give<key>(dw_enable_key, raw_, institution_id, key_id);
    }
    /// Switches a key off until it is enabled. Gives it as it is then.
    result<key> disable_key(text_in institution_id, text_in key_id) const noexcept {
        return detail::give<key>(dw_disable_key, raw_, institution_id, key_id);
    }
    /// Revokes a key for good. Gives it as it is then.
    result<key> revoke_key(text_in institution_id, text_in key_id) const noexcept {
        return detail::give<key>(dw_revoke_key, raw_, institution_id, key_id);
    }
    /// Revokes all keys of an institution, the caller's own too. Gives how many were not revoked before.
    result<std::uint64_t> revoke_all_keys(text_in institution_id) const noexcept {
        std::uint64_t count = 0;
        result<void> done = detail::done(dw_revoke_all_keys, raw_, institution_id, &count);
        if (!done) return std::move(done).error();
        return count;
    }

    /// Creates an institution's policy in a region, or replaces its config (JSON). With a version it is done only if the stored
    /// one is that; 0: only if there is none. Gives the policy as it is then.
    result<policy> upsert_policy(
        text_in institution_id, text_in region, text_in config, version_in expected_version = {}
    ) const noexcept {
        return detail::give<policy>(dw_upsert_policy, raw_, institution_id, region, config, expected_version);
    }
    /// Merges a patch (JSON, RFC 7396) into a policy's config. Gives the policy as it is then.
    result<policy> merge_policy(
        text_in institution_id, text_in region, text_in patch, version_in expected_version = {}
    ) const noexcept {
        return detail::give<policy>(dw_merge_policy, raw_, institution_id, region, patch, expected_version);
    }
    /// Gets an institution's policy in a region.
    result<policy> get_policy(text_in institution_id, text_in region) const noexcept {
        return detail::give<policy>(dw_get_policy, raw_, institution_id, region);
    }
    /// Deletes a policy. Gives it as it was.
    result<policy> delete_policy(text_in institution_id, text_in region, version_in expected_version = {}) const noexcept {
        return detail::give<policy>(dw_delete_policy, raw_, institution_id, region, expected_version);
    }
    /// Lists an institution's policies.
    result<page<policy_view>> list_policies(text_in institution_id, const page_request &wanted = {}) const noexcept {
        return detail::give<page<policy_view>>(dw_list_policies, raw_, institution_id, wanted);
    }
    /// Lists the versions of an institution's policy in a region, each as JSON.
    result<page<std::string_view>> policy_history(
        text_in institution_id, text_in region, const page_request &wanted = {}
    ) const noexcept {
        return detail::give<page<std::string_view>>(dw_policy_history, raw_, institution_id, region, wanted);
    }

    /// Asks an institution's policy in a region about a position.
    result<decision> check_position(text_in institution_id, text_in region, const position &asked) const noexcept {
        return detail::give<decision>(dw_check_position, raw_, institution_id, region, asked);
    }
    /// Asks about up to 1000 positions, all on one view of the policy.
    result<decisions> check_positions(
        text_in institution_id, text_in region, const std::vector<position> &asked
    ) const noexcept {
        const auto raw = detail::all_raw(asked);
        return detail::give<decisions>(dw_check_positions, raw_, institution_id, region, raw.data(), raw.size());
    }
    /// Asks a config (JSON) that is not stored about up to 1000 positions.
    result<decisions> dry_run(
        text_in institution_id, text_in region, text_in config, const std::vector<position> &asked
    ) const noexcept {
        const auto raw = detail::all_raw(asked);
        return detail::give<decisions>(dw_dry_run, raw_, institution_id, region, config, raw.data(), raw.size());
    }

    /// Lists audit events in the order of writing, each as JSON.
    result<page<std::string_view>> list_audit_events(
        const audit_query &query = {}, const page_request &wanted = {}
    ) const noexcept {
        return detail::give<page<std::string_view>>(dw_list_audit_events, raw_, query, wanted);
    }

private:
    result<import_report> import(text_in institution_id, const std::vector<new_key> &keys, std::int32_t dry_run) const noexcept {
        const auto raw = detail::all_raw(keys);
        return detail::give<import_report>(dw_import_keys, raw_, institution_id, raw.data(), raw.size(), dry_run);
    }
};
using session = owned<session_view, dw_session_free>;

}  // namespace doorward

#endif
