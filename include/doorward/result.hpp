// What holds everything else: views, owners, limits, errors and results; and how functions of doorward.h are called.

#ifndef DOORWARD_RESULT_HPP
#define DOORWARD_RESULT_HPP

#include <doorward/words.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace doorward {

namespace detail {

inline dw_str to_c(std::string_view text) noexcept { return {text.data(), text.size()}; }
inline std::string_view from_c(dw_str text) noexcept { return {text.data, text.len}; }
inline std::string_view from_c(const dw_id &id) noexcept { return {id.text, id.len}; }

/// Iteration for a list that has size() and operator[].
template <typename List>
class iterable {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using difference_type = std::ptrdiff_t;
        using value_type = decltype(std::declval<const List &>()[0]);
        using reference = value_type;
        using pointer = void;

        iterator() noexcept = default;
        iterator(List list, std::size_t index) noexcept : list_(list), index_(index) {}

        reference operator*() const noexcept { return list_[index_]; }
        iterator &operator++() noexcept { return ++index_, *this; }
        iterator operator++(int) noexcept { return {list_, index_++}; }
        friend bool operator==(const iterator &one, const iterator &other) noexcept { return one.index_ == other.index_; }
        friend bool operator!=(const iterator &one, const iterator &other) noexcept { return one.index_ != other.index_; }

    private:
        List list_;
        std::size_t index_ = 0;
    };

    auto begin() const noexcept { return iterator(list(), 0); }
    auto end() const noexcept { return iterator(list(), list().size()); }
    bool empty() const noexcept { return list().size() == 0; }

private:
    const List &list() const noexcept { return static_cast<const List &>(*this); }
};

}  // namespace detail

/// A pointer to an object of the library, which somebody else owns. May be empty.
template <typename C>
class view {
public:
    using c_type = C;

    view() noexcept = default;
    explicit view(const C *raw) noexcept : raw_(raw) {}

    /// Whether there is an object.
    explicit operator bool() const noexcept { return raw_ != nullptr; }
    /// The object, for functions of doorward.h.
    [[nodiscard]] const C *get() const noexcept { return raw_; }

protected:
    const C *raw_ = nullptr;
};

/// A view that owns its object and frees it.
template <typename View, void (*Free)(typename View::c_type *)>
class [[nodiscard]] owned : public View {
public:
    using typename View::c_type;

    owned() noexcept = default;
    /// Takes over an object that a function of doorward.h gave.
    explicit owned(c_type *raw) noexcept : View(raw) {}
    owned(owned &&other) noexcept : View(other.release()) {}
    owned &operator=(owned &&other) noexcept {
        c_type *taken = other.release();
        const owned before(release());
        this->raw_ = taken;
        return *this;
    }
    ~owned() { Free(release()); }

    /// Gives the object up: whoever takes it frees it.
    [[nodiscard]] c_type *release() noexcept { return const_cast<c_type *>(std::exchange(this->raw_, nullptr)); }
};

/// So many requests in so much time. Made by default it is none.
struct rate_limit {
    /// 1 to 1,000,000.
    std::uint32_t max_requests = 0;
    /// 1 ms to a day.
    std::chrono::milliseconds window{};

    dw_limit raw() const noexcept {
        constexpr auto most = std::numeric_limits<std::uint32_t>::max();
        const auto millis = window.count();
        return {max_requests, millis < 0 || millis > most ? most : static_cast<std::uint32_t>(millis)};
    }
};

namespace detail {

inline rate_limit from_c(dw_limit limit) noexcept { return {limit.max_requests, std::chrono::milliseconds(limit.window_ms)}; }
inline std::chrono::milliseconds from_c_millis(std::uint64_t millis) noexcept {
    return std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(millis));
}

}  // namespace detail

/// What a caller has left of its rate limit at a moment.
class rate_limit_status_view : public view<dw_rate_limit_status> {
public:
    using view::view;

    rate_limit limit() const noexcept { return detail::from_c(dw_rate_limit_status_limit(raw_)); }
    /// How many requests may come at once now.
    std::uint32_t remaining() const noexcept { return dw_rate_limit_status_remaining(raw_); }
    /// After how long without a request all of them may.
    std::chrono::milliseconds reset_after() const noexcept {
        return detail::from_c_millis(dw_rate_limit_status_reset_after_ms(raw_));
    }
    /// The value of the HTTP field RateLimit-Policy for an answer to the caller.
    std::string_view policy_field() const noexcept { return detail::from_c(dw_rate_limit_status_policy_field(raw_)); }
    /// The value of the HTTP field RateLimit.
    std::string_view field() const noexcept { return detail::from_c(dw_rate_limit_status_field(raw_)); }
    /// The whole.
    std::string_view json() const noexcept { return detail::from_c(dw_rate_limit_status_json(raw_)); }
};
using rate_limit_status = owned<rate_limit_status_view, dw_rate_limit_status_free>;

/// Why a call did not succeed.
class error_view : public view<dw_error> {
public:
    using view::view;

    /// The kind of the error; ok if there is none.
    doorward::status status() const noexcept { return static_cast<doorward::status>(dw_error_status(raw_)); }
    /// The name of the kind, the same in all languages: NotFound.
    std::string_view kind() const noexcept { return detail::from_c(dw_error_kind(raw_)); }
    /// The stable word for the cause: key_not_found.
    std::string_view reason() const noexcept { return detail::from_c(dw_error_reason(raw_)); }
    /// For people; it may change.
    std::string_view message() const noexcept { return detail::from_c(dw_error_message(raw_)); }
    /// The argument, JSON member or variable that is to blame; absent if none is.
    std::string_view field() const noexcept { return detail::from_c(dw_error_field(raw_)); }
    /// The status that an HTTP gateway answers with.
    std::uint16_t http_status() const noexcept { return dw_error_http_status(raw_); }
    /// Whether the same call may succeed later without any change by the caller.
    bool is_retryable() const noexcept { return dw_error_is_retryable(raw_); }
    /// How long to wait before trying again; 0 if that is not known.
    std::chrono::milliseconds retry_after() const noexcept {
        return detail::from_c_millis(dw_error_retry_after_ms(raw_));
    }
    /// What the caller has left of the rate limit that it met; empty if the error is of something else.
    rate_limit_status_view rate_limit() const noexcept { return rate_limit_status_view(dw_error_rate_limit(raw_)); }
};
using error = owned<error_view, dw_error_free>;

/// What a call gives: a value, or the error that says why there is none. Asking for a value that is not there ends the process.
template <typename T>
class [[nodiscard]] result {
public:
    result(T value) noexcept : value_(std::move(value)) {}
    result(doorward::error error) noexcept : error_(std::move(error)) {}

    bool has_value() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }

    T &value() & noexcept { return check(), *value_; }
    const T &value() const & noexcept { return check(), *value_; }
    T &&value() && noexcept { return check(), *std::move(value_); }
    T &operator*() & noexcept { return value(); }
    const T &operator*() const & noexcept { return value(); }
    T &&operator*() && noexcept { return std::move(*this).value(); }
    T *operator->() noexcept { return &value(); }
    const T *operator->() const noexcept { return &value(); }

    /// The error; empty if there is a value.
    const doorward::error &error() const & noexcept { return error_; }
    doorward::error &&error() && noexcept { return std::move(error_); }
    /// ok if there is a value.
    doorward::status status() const noexcept { return error_.status(); }

private:
    void check() const noexcept {
        if (!value_) std::terminate();
    }

    std::optional<T> value_;
    doorward::error error_;
};

/// What a call answers that has nothing to give.
template <>
class [[nodiscard]] result<void> {
public:
    result() noexcept = default;
    result(doorward::error error) noexcept : error_(std::move(error)) {}

    bool has_value() const noexcept { return !error_; }
    explicit operator bool() const noexcept { return has_value(); }
    const doorward::error &error() const & noexcept { return error_; }
    doorward::error &&error() && noexcept { return std::move(error_); }
    doorward::status status() const noexcept { return error_.status(); }

private:
    doorward::error error_;
};

namespace detail {

/// A struct for C that lives as long as the call it is handed to, by value or by pointer.
template <typename Raw>
struct lent {
    Raw raw;

    operator Raw() const noexcept { return raw; }
    operator const Raw *() const noexcept { return &raw; }
};

// An argument as C takes it.
inline dw_str pass(std::string_view text) noexcept { return to_c(text); }
inline const std::uint64_t *pass(const std::optional<std::uint64_t> &number) noexcept { return number ? &*number : nullptr; }
template <typename Given>
auto pass(const Given &given) noexcept {
    if constexpr (std::is_scalar_v<Given>) return given;
    else return lent<decltype(given.raw())>{given.raw()};
}

/// Calls a function that gives nothing.
template <typename Function, typename... Given>
result<void> done(Function function, const Given &...given) noexcept {
    dw_error *failure = nullptr;
    if (function(pass(given)..., &failure) != DW_STATUS_OK) return error(failure);
    return {};
}

/// Calls a function that gives an owned object.
template <typename Owned, typename Function, typename... Given>
result<Owned> give(Function function, const Given &...given) noexcept {
    typename Owned::c_type *made = nullptr;
    dw_error *failure = nullptr;
    if (function(pass(given)..., &made, &failure) != DW_STATUS_OK) return error(failure);
    return Owned(made);
}

}  // namespace detail

}  // namespace doorward

#endif
