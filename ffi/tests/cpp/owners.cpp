// The C++ headers over the library: every member once, and who owns what.
#include <doorward.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

using namespace std::chrono_literals;
using doorward::credentials;
using doorward::role;
using doorward::status;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);    \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

namespace {

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

template <typename T>
T good(doorward::result<T> result) {
    if (!result) {
        const std::string message(result.error().message());
        std::fprintf(stderr, "failed: %s\n", message.c_str());
        std::exit(1);
    }
    return std::move(result).value();
}

template <typename T>
bool fails(const doorward::result<T> &result, status expected, std::string_view reason, std::string_view field = {}) {
    const doorward::error &error = result.error();
    if (!result && !result.has_value() && error && error.status() == expected && result.status() == expected &&
        error.reason() == reason && (field.empty() || error.field() == field)) {
        return true;
    }
    const std::string seen = std::string(error.reason()).append(" of ").append(error.field());
    std::fprintf(stderr, "saw %d %s\n", static_cast<int>(result.status()), seen.c_str());
    return false;
}

doorward::new_key new_key(std::string_view label, doorward::role role = role::admin) {
    doorward::new_key wanted;
    wanted.label = label;
    wanted.role = role;
    return wanted;
}

void opening() {
    CHECK(doorward::version() == DW_VERSION && doorward::abi_version() == DW_ABI_VERSION);
    CHECK(fails(doorward::open({{{"STORE_BACKEND", "tape"}}}), status::config, "invalid_variable", "STORE_BACKEND"));
    CHECK(fails(doorward::open({{{"NO_SUCH_THING", "1"}}}), status::config, "unsupported", "settings[0].name"));
    const doorward::result<doorward::door> refused = doorward::open({{{"STORE_BACKEND", "tape"}}});
    CHECK(refused.error().kind() == "Config" && holds(refused.error().message(), "STORE_BACKEND"));
    CHECK(refused.error().http_status() == 500 && !refused.error().is_retryable() && refused.error().retry_after() == 0ms);

    setenv("STORE_BACKEND", "memory", 1);
    doorward::options small;
    small.memory_audit_capacity = 5;
    const doorward::door door = good(doorward::open_env(small));
    const doorward::health health = good(door.health());
    CHECK(health.reachable && holds(health.json.str(), "\"backend\":\"memory\""));
    CHECK(holds(good(door.metrics_text()).str(), "doorward_") && good(door.metrics_json()).str().front() == '{');
    // Closed at once: whether all was written in no time is another question.
    static_cast<void>(door.close(-1s));
    CHECK(fails(door.find_by_token("ak_nobodys"), status::closed, "closed") && !good(door.health()).reachable);
}

// The door has a setting of its own for what is audited, and room for the events of this program.
doorward::door open_door() {
    doorward::options options;
    options.settings = {{"STORE_BACKEND", "memory"}, {"DOORWARD_REGIONS", "MOON"}};
    options.audit_authentications = true;
    options.audit_reads = true;
    return good(doorward::open(options));
}

void institutions(const doorward::session &system) {
    const doorward::institution acme = good(system.create_institution({"acme", "Acme Bank", {"US", "SG"}}));
    CHECK(acme.id() == "acme" && acme.name() == "Acme Bank" && holds(acme.json(), "[\"US\",\"SG\"]"));
    CHECK(fails(system.create_institution({"acme", "Again", {}}), status::conflict, "institution_exists", "id"));
    const std::vector<std::string> moon{"MOON"};
    CHECK(holds(good(system.create_institution({{}, "Luna", doorward::texts(moon)})).json(), "[\"MOON\"]"));

    doorward::institution_patch patch;
    patch.name = "Acme";
    const doorward::institution renamed = good(system.update_institution("acme", patch));
    CHECK(renamed.name() == "Acme" && holds(renamed.json(), "[\"US\",\"SG\"]"));
    CHECK(holds(good(system.update_institution("acme", {{}, {}})).json(), "[\"US\",\"SG\"]"));
    patch = {{}, doorward::texts(std::vector<std::string>{})};
    CHECK(holds(good(system.update_institution("acme", patch)).json(), "\"regions\":[]"));
    CHECK(good(system.get_institution("acme")).name() == "Acme");
    CHECK(fails(system.get_institution("nobody"), status::not_found, "institution_not_found"));
    // An empty name is one that is given.
    CHECK(fails(system.update_institution("acme", {"", {}}), status::validation, "empty", "name"));

    const auto page = good(system.list_institutions());
    CHECK(page.size() == 2 && !page.empty() && page[1].id() == "acme" && page[0].name() == "Luna" && !page[2]);
    CHECK(page.json(1) == renamed.json() || holds(page.json(1), "\"id\":\"acme\""));
}

void keys(const doorward::door &door, const doorward::session &system) {
    doorward::new_key wanted = new_key("ci");
    wanted.expires_at = "2099-01-02T03:04:05.678Z";
    wanted.allowed_addresses = {"10.0.0.0/8"};
    wanted.metadata = R"({"team":"payments"})";
    const doorward::created_key created = good(system.create_key("acme", wanted));
    const doorward::key_view record = created.record();
    CHECK(created.token().substr(0, record.hint().size()) == record.hint() && record.hint() != created.token());
    CHECK(record.label() == "ci" && record.role() == role::admin && record.status() == doorward::key_status::active);
    CHECK(record.institution_id() == "acme" && record.expires_at() == wanted.expires_at && record.version() == 1);
    CHECK(holds(record.json(), "payments") && holds(record.json(), "10.0.0.0/8"));

    const std::optional<doorward::key> found = good(door.find_by_token(created.token()));
    CHECK(found && found->id() == record.id() && !good(door.find_by_token("ak_nobodys")));
    CHECK(good(system.get_key("acme", record.id())).label() == "ci");
    CHECK(fails(system.get_key("acme", "ak_none"), status::not_found, "key_not_found"));

    doorward::key_patch patch;
    patch.label = "ci 2";
    patch.expected_version = 7;
    CHECK(fails(system.update_key("acme", record.id(), patch), status::conflict, "version_mismatch"));
    patch.expected_version = 1;
    patch.removes_expiry = true;
    patch.allowed_addresses = doorward::texts(std::vector<std::string_view>{});
    const doorward::key changed = good(system.update_key("acme", record.id(), patch));
    CHECK(changed.label() == "ci 2" && changed.expires_at().empty() && changed.version() == 2);
    CHECK(holds(changed.json(), "\"allowedAddresses\":[]") && holds(changed.json(), "payments"));

    CHECK(good(system.disable_key("acme", record.id())).status() == doorward::key_status::disabled);
    CHECK(good(system.enable_key("acme", record.id())).status() == doorward::key_status::active);
    CHECK(fails(system.rotate_key("acme", record.id(), -1ms), status::validation, "out_of_range", "grace_ms"));
    const doorward::created_key successor = good(system.rotate_key("acme", record.id(), 24h));
    CHECK(successor.token() != created.token() && holds(successor.record().json(), record.id()));
    CHECK(good(system.revoke_key("acme", record.id())).status() == doorward::key_status::revoked);

    const doorward::created_keys several = good(system.create_keys("acme", {new_key("a"), new_key("b", role::read_only)}));
    CHECK(several.size() == 2 && several[1].record().role() == role::read_only && !several[2]);
    std::string labels;
    for (doorward::created_key_view each : several) labels += each.record().label();
    CHECK(labels == "ab" && std::distance(several.begin(), several.end()) == 2);
    CHECK(fails(system.create_keys("acme", {new_key("a"), {}}), status::validation, "required", "keys[1].label"));

    doorward::new_key old = new_key("old");
    old.key_hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    CHECK(good(doorward::hash_token("test")).str() == "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    CHECK(good(system.import_keys_dry_run("acme", {old})).imported() == 1);
    CHECK(good(system.import_keys("acme", {old})).imported() == 1);
    const doorward::import_report report = good(system.import_keys_dry_run("acme", {old}));
    CHECK(report.imported() == 0 && report.conflicts() == 1 && holds(report.json(), "key_exists"));
    CHECK(door.verify(credentials::token("test")).granted());

    // All pages of a list; each page is gone when its cursor is used.
    std::vector<std::string> seen;
    doorward::page_request request;
    request.limit = 2;
    request.order = doorward::order::oldest_first;
    do {
        const auto page = good(system.list_keys("acme", {role::none, doorward::key_status::none, true}, request));
        for (doorward::key_view each : page) seen.emplace_back(each.label());
        request.cursor = page.next();
    } while (!request.cursor.empty());
    CHECK((seen == std::vector<std::string>{"ci 2", "ci 2", "a", "b", "old"}));
    CHECK(good(system.list_keys("acme", {role::read_only, doorward::key_status::active, false})).size() == 1);
    CHECK(good(system.list_keys("acme")).size() == 4);
    request.limit = 0;
    CHECK(fails(system.list_keys("acme", {}, request), status::validation, "out_of_range", "limit"));
}

void policies(const doorward::session &system) {
    const char *config = R"({"position":{"minAmount":100,"maxAmount":5000,"allowedCurrencies":["USD"]}})";
    const doorward::policy policy = good(system.upsert_policy("acme", "US", config, 0));
    CHECK(policy.region() == "US" && policy.version() == 1);
    CHECK(holds(policy.config(), "5000") && holds(policy.json(), policy.id()));
    CHECK(fails(system.upsert_policy("acme", "US", config, 0), status::conflict, "version_mismatch"));
    CHECK(good(system.merge_policy("acme", "US", R"({"position":{"maxAmount":6000}})", 1)).version() == 2);
    CHECK(good(system.merge_policy("acme", "US", R"({"position":{"maxAmount":5000}})")).version() == 3);
    CHECK(good(system.get_policy("acme", "US")).version() == 3);
    CHECK(fails(system.get_policy("acme", "MARS"), status::validation, "unknown_region", "region"));

    const doorward::decision denied = good(system.check_position("acme", "US", {"7000", "EUR"}));
    CHECK(!denied.allowed() && denied.policy() == doorward::policy_source::found && denied.policy_id() == policy.id());
    CHECK(denied.policy_version() == 3 && holds(denied.json(), "above_max") && denied.violations().size() == 2);
    std::string told;
    for (doorward::violation each : denied.violations()) told.append(each.code).append(each.limit).append(each.value);
    CHECK(told == "above_max50007000currency_not_allowedUSDEUR" && denied.violations()[2].code.empty());
    CHECK(fails(system.check_position("acme", "US", {"ten", "USD"}), status::validation, "not_a_decimal", "amount"));

    const doorward::decisions several = good(system.check_positions("acme", "US", {{"200", "USD"}, {"1", "USD"}}));
    CHECK(several.size() == 2 && several[0].allowed() && !several[1].allowed() && !several[2] && !several[2].allowed());
    CHECK(std::count_if(several.begin(), several.end(), [](doorward::decision_view each) { return each.allowed(); }) == 1);
    const doorward::decisions draft = good(system.dry_run("acme", "US", R"({"position":{"maxAmount":8000}})", {{"7000", "EUR"}}));
    CHECK(draft.size() == 1 && draft[0].allowed() && draft[0].policy() == doorward::policy_source::given);

    const auto page = good(system.list_policies("acme"));
    CHECK(page.size() == 1 && page[0].id() == policy.id());
    const auto history = good(system.policy_history("acme", "US"));
    CHECK(history.size() == 3 && holds(history[0], "\"version\":3"));
    CHECK(fails(system.delete_policy("acme", "US", 1), status::conflict, "version_mismatch"));
    CHECK(good(system.delete_policy("acme", "US", 3)).id() == policy.id());
    CHECK(good(system.check_position("acme", "US", {"7000", "EUR"})).policy() == doorward::policy_source::none);
    CHECK(good(system.upsert_policy("acme", "US", config)).version() >= 1);
}

struct told {
    std::mutex lock;
    std::condition_variable came;
    int times = 0;
    bool granted = false;
    bool destroyed = false;
    std::string key_id;
};

void limits(const doorward::door &door, const doorward::session &system) {
    doorward::new_key wanted = new_key("limited");
    wanted.rate_limit = {0, 24h};
    CHECK(fails(system.create_key("acme", wanted), status::validation, "out_of_range", "rate_limit.max_requests"));
    wanted.rate_limit = {1, -1ms};
    CHECK(fails(system.create_key("acme", wanted), status::validation, "out_of_range", "rate_limit.window_ms"));
    wanted.rate_limit = {2, 24h};
    const doorward::created_key created = good(system.create_key("acme", wanted));
    const doorward::key_view record = created.record();
    CHECK(record.rate_limit().max_requests == 2 && record.rate_limit().window == 24h);
    const credentials token = credentials::token(created.token());

    const doorward::context context = good(door.authenticate(token));
    const doorward::rate_limit_status left = *good(door.rate_limit(context));
    CHECK(left.limit().max_requests == 2 && left.limit().window == 24h && left.remaining() == 1);
    CHECK(left.reset_after() > 11h && left.reset_after() <= 12h && holds(left.json(), "\"remaining\":1"));
    CHECK(left.policy_field() == "\"key\";q=2;w=86400" && left.field() == "\"key\";r=1;t=43200");
    CHECK(door.verify(token).retry_after() == 0ms);
    const doorward::verdict refused = door.verify(token);
    CHECK(!refused && refused.status() == status::rate_limited && refused.reason() == "rate_limited");
    CHECK(refused.retry_after() > 11h && refused.retry_after() <= 12h);
    const auto failed = door.authenticate(token);
    CHECK(fails(failed, status::rate_limited, "rate_limited") && failed.error().retry_after() > 11h);
    CHECK(failed.error().rate_limit().remaining() == 0 && failed.error().http_status() == 429);
    CHECK(!door.authenticate(credentials::token("ak_nobodys")).error().rate_limit());

    doorward::key_patch patch;
    patch.rate_limit = {3, 1s};
    CHECK(good(system.update_key("acme", record.id(), patch)).rate_limit().max_requests == 3);
    patch.removes_rate_limit = true;
    CHECK(fails(system.update_key("acme", record.id(), patch), status::validation, "invalid_format", "rate_limit"));
    patch.rate_limit = {};
    CHECK(good(system.update_key("acme", record.id(), patch)).rate_limit().max_requests == 0);
    CHECK(!good(door.rate_limit(good(door.authenticate(token)))));
}

void callers(const doorward::door &door, const doorward::session &system) {
    const doorward::created_key created = good(system.create_key("acme", new_key("caller", role::read_only)));
    const doorward::key_view record = created.record();
    const credentials good_token = credentials::token(created.token());
    const doorward::request request{"POST", "/v1/orders?x=1", "req-1", "192.0.2.7", {}};

    const std::multimap<std::string, std::string> headers{{"X-API-Key", std::string(created.token())}, {"Accept", "*/*"}};
    doorward::context context = good(door.authenticate(credentials::headers(headers), request));
    CHECK(context.role() == role::read_only && context.institution_id() == "acme" && context.key_id() == record.id());
    CHECK(holds(context.json(), "read_only"));
    CHECK(fails(door.authenticate(credentials::headers({})), status::unauthenticated, "missing"));
    CHECK(fails(door.authenticate(credentials::token("ak_nobodys")), status::unauthenticated, "unknown"));

    const doorward::verdict granted = door.verify(good_token, request);
    CHECK(granted && granted.status() == status::ok && granted.role() == role::read_only && granted.reason().empty());
    CHECK(granted.institution_id() == "acme" && granted.key_id() == record.id());
    doorward::context who;
    CHECK(door.verify(good_token, {}, &who) && who.key_id() == record.id());
    const doorward::verdict refused = door.verify(credentials::token("ak_nobodys"), {}, &who);
    CHECK(!refused.granted() && refused.status() == status::unauthenticated && refused.reason() == "unknown");
    CHECK(refused.role() == role::none && refused.key_id().empty() && !who);

    const doorward::decision decision = good(door.admit(good_token, request, {}, "US", {"200", "USD"}, &who));
    CHECK(decision.allowed() && who.institution_id() == "acme");
    CHECK(!good(door.admit(good_token, {}, "acme", "US", {"1", "USD"})).allowed());
    const auto not_admitted = door.admit(credentials::token("ak_nobodys"), {}, {}, "US", {"200", "USD"}, &who);
    CHECK(fails(not_admitted, status::unauthenticated, "unknown") && !who);

    const doorward::session session = good(door.session(context, request));
    CHECK(good(session.check_position("acme", "US", {"200", "USD"})).allowed());
    CHECK(fails(session.list_keys("acme"), status::forbidden, "role_not_allowed"));

    // The callback may own things and be moved only; it is destroyed once.
    told told;
    auto owned = std::make_shared<int>(0);
    std::shared_ptr<void> end(nullptr, [&told](void *) {
        const std::lock_guard<std::mutex> held(told.lock);
        told.destroyed = true;
        told.came.notify_one();
    });
    auto tell = [&told, end = std::move(end), only_moved = std::make_unique<int>(0)](const doorward::verdict &verdict, doorward::context given) {
        const std::lock_guard<std::mutex> held(told.lock);
        told.times++;
        told.granted = verdict.granted() && given.key_id() == verdict.key_id();
        told.key_id = verdict.key_id();
        told.came.notify_one();
    };
    CHECK(door.lookup(good_token, request, std::move(tell)));
    {
        std::unique_lock<std::mutex> held(told.lock);
        CHECK(told.came.wait_for(held, 30s, [&told] { return told.times == 1; }));
        CHECK(told.granted && told.key_id == record.id());
        CHECK(told.came.wait_for(held, 30s, [&told] { return told.destroyed; }) && told.times == 1);
    }
    // What does not begin destroys its callback and does not call it.
    const doorward::door none;
    auto never = [owned](const doorward::verdict &, doorward::context) { std::abort(); };
    CHECK(fails(none.lookup(good_token, {}, std::move(never)), status::validation, "required", "door"));
    CHECK(owned.use_count() == 1);

    const auto events = good(system.list_audit_events({"acme", "system", "create_key", {}, {}}, {{}, 1, {}}));
    CHECK(events.size() == 1 && holds(events[0], "create_key") && !events.next().empty());
    CHECK(good(system.list_audit_events()).size() > 1);
    CHECK(good(system.list_audit_events({{}, {}, {}, "2099-01-01T00:00:00Z", {}})).empty());
    CHECK(good(system.revoke_all_keys("acme")) >= 5 && !door.verify(good_token));
    CHECK(fails(system.revoke_all_keys("nobody"), status::not_found, "institution_not_found"));
}

void ownership(const doorward::session &system) {
    using doorward::key;
    static_assert(!std::is_copy_constructible_v<key> && !std::is_copy_assignable_v<key>);
    static_assert(std::is_nothrow_move_constructible_v<key> && std::is_nothrow_move_assignable_v<key>);
    static_assert(std::is_nothrow_move_constructible_v<doorward::result<key>> && sizeof(key) == sizeof(void *));
    static_assert(std::is_trivially_copyable_v<doorward::key_view> && std::is_convertible_v<const key &, doorward::key_view>);

    doorward::created_key first = good(system.create_key("acme", new_key("first")));
    key one = good(system.get_key("acme", first.record().id()));
    const dw_key *raw = one.get();
    key other = std::move(one);
    CHECK(other.get() == raw && !one && one.label().empty() && one.role() == role::none && one.version() == 0);
    other = good(system.get_key("acme", first.record().id()));
    CHECK(other && other.get() != nullptr && other.label() == "first");
    key &same = other;
    other = std::move(same);
    CHECK(other.label() == "first");
    // Out of the hands of C++ and back.
    dw_key *given_up = other.release();
    CHECK(!other);
    other = key(given_up);
    const doorward::key_view view = other;
    CHECK(view.label() == "first");

    const doorward::decision nothing;
    CHECK(!nothing.allowed() && nothing.violations().empty() && nothing.policy() == doorward::policy_source::none);
    const doorward::door none;
    CHECK(fails(none.system(), status::validation, "required", "door") && !none.verify(credentials::token("x")));
    doorward::result<key> failed = system.get_key("acme", "ak_none");
    const doorward::error error = std::move(failed).error();
    CHECK(error.status() == status::not_found && good(doorward::result<int>(7)) == 7);
    CHECK(doorward::result<int>(7).status() == status::ok && !doorward::result<int>(7).error());
}

// Counts itself, so that it shows who holds it; it can be moved only.
struct counted {
    explicit counted(std::shared_ptr<std::atomic<int>> count) : alive(std::move(count)) { ++*alive; }
    counted(counted &&other) noexcept : alive(std::move(other.alive)) {}
    ~counted() {
        if (alive) --*alive;
    }

    std::shared_ptr<std::atomic<int>> alive;
};

void sinks() {
    const auto alive = std::make_shared<std::atomic<int>>(0);
    const auto logged = std::make_shared<std::atomic<int>>(0);
    CHECK(doorward::log_to(
        [logged, held = counted(alive)](const doorward::log_record &record) {
            CHECK(record.level != doorward::log_level::none && record.time.back() == 'Z' && !record.target.empty());
            if (!record.message.empty()) ++*logged;
        },
        doorward::log_level::trace
    ));
    CHECK(*alive == 1);

    std::mutex lock;
    std::string recorded;
    auto note = [&lock, &recorded, held = counted(alive)](const doorward::audit_event &event) {
        CHECK(event.actor == "system" && event.outcome == "succeeded" && event.error.empty() && holds(event.json, event.id));
        CHECK(event.occurred_at.back() == 'Z' && event.institution_id == "acme");
        const std::lock_guard<std::mutex> taken(lock);
        recorded.append(event.action).append(" ").append(event.resource_type).append(" ").append(event.resource_id).append("\n");
    };
    {
        const doorward::door door = good(doorward::open({}, std::move(note)));
        CHECK(*alive == 2);
        CHECK(good(door.system()).create_institution({"acme", "Acme Bank", {}}));
        CHECK(good(door.system()).create_key("acme", new_key("ci")));
        CHECK(door.close(10s) && *alive == 1);
    }
    CHECK(holds(recorded, "create_institution institution acme\n") && holds(recorded, "create_key api_key ak_"));
    CHECK(*logged > 0);

    // Where nothing was opened the sink is gone.
    const auto unused = [](auto held) { return [held = std::move(held)](const doorward::audit_event &) { std::abort(); }; };
    CHECK(fails(doorward::open({{{"STORE_BACKEND", "tape"}}}, unused(counted(alive))), status::config, "invalid_variable"));
    CHECK(*alive == 1);
    CHECK(good(doorward::open_env({}, unused(counted(alive)))).close(10s) && *alive == 1);

    // Another sink takes the place of the first, and none that of the second.
    CHECK(doorward::log_to([held = counted(alive)](const doorward::log_record &) {}) && *alive == 1);
    const auto not_taken = doorward::log_to([](const doorward::log_record &) {}, doorward::log_level(9));
    CHECK(fails(not_taken, status::validation, "invalid_format"));
    CHECK(doorward::log_to(nullptr) && *alive == 0);
}

}  // namespace

int main() {
    opening();
    const doorward::door door = open_door();
    doorward::session system = good(door.system());
    institutions(system);
    keys(door, system);
    policies(system);
    limits(door, system);
    callers(door, system);
    ownership(system);
    sinks();
    CHECK(door.close(10s) && fails(system.get_institution("acme"), status::closed, "closed"));
}
