// doorward for C++17 and later: owners and views over doorward.h, header-only. This is the header to include.
//
//     auto door = doorward::open({{{"STORE_BACKEND", "sqlite"}, {"DATABASE_URL", "sqlite:keys.db"}}});
//     if (!door) return complain(door.error().message());
//     auto decision = door->admit(doorward::credentials::token(token), {}, {}, "US", {"1250.00", "USD"});
//     if (!decision) return refuse(decision.error().reason());
//     for (doorward::violation found : decision->violations()) note(found.code, found.limit, found.value);
//     return decision->allowed();
//
// What a member does, waits for and answers is what the C function of its name does; doorward.h has the conventions and the
// errors, and all of it holds here. What C++ adds:
//
// RESULTS. Whatever can fail gives a result<T>: a value or an error, to be looked at before the value is. That there is a value
// does not mean yes: a decision says by allowed() whether it allows. Nothing throws, and nothing needs exceptions or run-time
// type information. Where memory runs out the process ends, as it does in the library.
//
// OWNERSHIP. What the library makes for you is an owner (door, session, key, ...): it can be moved, not copied, and frees what
// it has. A view (door_view, key_view, ...) is a pointer with the same members, to be copied at will and good as long as the
// owner. An owner can be passed where a view is wanted. Empty ones (made by default, or moved from) answer as if there were
// nothing, and no decision of theirs allows anything.
//
// STRINGS are std::string_view, in and out. What is given back belongs to the object that was asked and lives as long; so name
// the object. std::string_view{} is an absent text and "" an empty one; of what is given back an empty one is an absent one.
//
// THREADS. Any number of threads may use an object at once, as long as none assigns, moves or destroys it.

#ifndef DOORWARD_HPP
#define DOORWARD_HPP

#include <doorward/door.hpp>

namespace doorward {

/// The version of the library.
inline std::string_view version() noexcept { return detail::from_c(dw_version()); }

/// The version of the binary interface: DW_ABI_VERSION if the library fits this header.
inline std::uint32_t abi_version() noexcept { return dw_abi_version(); }

/// The SHA-256 of a token that was made elsewhere, as `import_keys` wants it.
inline result<text> hash_token(std::string_view token) noexcept { return detail::give<text>(dw_hash_token, token); }

}  // namespace doorward

#endif
