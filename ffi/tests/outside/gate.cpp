// gate DATABASE: a program outside doorward's tree, in C++. Says "granted" if the key that it has made is let in.
#include <doorward.hpp>

#include <iostream>

int main(int argc, char **argv) {
    if (argc != 2) return 1;
    const auto door = doorward::open({{{"STORE_BACKEND", "sqlite"}, {"DATABASE_URL", argv[1]}}});
    if (!door) {
        std::cerr << door.error().message() << '\n';
        return 1;
    }
    const auto session = door->system();
    if (!session || !session->create_institution({"acme", "Acme Bank", {}})) return 1;
    doorward::new_key wanted;
    wanted.label = "gate";
    wanted.role = doorward::role::admin;
    const auto created = session->create_key("acme", wanted);
    const bool granted = created && door->verify(doorward::credentials::token(created->token()));
    std::cout << (granted ? "granted" : "refused") << " by " << doorward::version() << '\n';
    return !granted || !door->close(std::chrono::seconds(10));
}
