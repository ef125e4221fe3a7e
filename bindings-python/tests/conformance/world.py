"""What a scenario has while it runs: the door, what was saved, the sessions; and how its steps are taken."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import doorward
from doorward._doorward import testkit  # type: ignore[attr-defined]

from .arguments import Arguments
from .expectation import meets
from .faces import Asyncio, Blocking
from .scenarios import Scenario, only
from .values import Broken, fill, generate

#: Operations of the handle itself, which the host alone calls.
HANDLE = {
    "open", "close", "health", "metrics", "fault", "wait", "write_file", "make_folder",
    "authenticate", "verify", "admit", "session", "rate_limit", "find_by_token",
}  # fmt: skip


class World:
    def __init__(self, scenario: Scenario, variables: dict[str, str], face: Blocking | Asyncio, folder: Path) -> None:
        self.scenario = scenario
        self.store = variables
        self.face = face
        self.folder = folder
        self.faults: Any = None
        self.contexts: dict[str, doorward.AuthContext] = {}
        self.sessions: dict[str, Any] = {}
        # Only a scenario with faults meets them; every other one has the door as a host opens it.
        if any(step.get("op") == "fault" for step in scenario.steps):
            door, self.faults = testkit.open_faulty({**variables, **scenario.config})
        else:
            door = doorward.Doorward.open_from_env({**variables, **scenario.config})
        self.doors = [door]
        self.door = face.door(door)

    def play(self) -> None:
        saved: dict[str, Any] = {"backend": self.store["STORE_BACKEND"], "folder": str(self.folder)}
        for index, written in enumerate(self.scenario.steps, 1):
            step = fill(written, saved, every=True)
            place = f"step {index} {str(step)[:300]}"
            only(step, "op", "as", "args", "save", "expect", "error", "why")
            expected = step.get("error")
            try:
                answer = self.take(step)
            except doorward.DoorwardError as error:
                assert expected is not None, f"{place}: failed with {error.kind} / {error.reason}: {error}"
                only(expected, "kind", "reason", "field")
                seen = {"kind": error.kind, "reason": error.reason, "field": error.field}
                assert seen == {"field": error.field, **expected}, f"{place}: failed with {seen}: {error}"
                assert type(error).__name__ == f"{error.kind}Error"
                continue
            assert expected is None, f"{place}: succeeded: {answer}"
            if "expect" in step:
                try:
                    meets(answer, step["expect"])
                except AssertionError as error:
                    raise AssertionError(f"{place}: {error}") from None
            if "save" in step:
                saved[step["save"]] = answer

    def close(self) -> None:
        for door in self.doors:
            if self.faults is not None:
                self.faults.fail("none")
            door.close()

    def caller(self, name: str) -> Any:
        if name == "system":
            return self.door
        if name in self.sessions:
            return self.sessions[name]
        if name in self.contexts:
            return self.door.session(self.contexts[name])
        if name == "root":
            token = self.scenario.config["ROOT_API_KEY"]
            return self.door.session(self.face.call(self.door.authenticate(token)))
        raise Broken(f"no caller was saved as {name}")

    def take(self, step: dict[str, Any]) -> Any:
        """Takes a step, and gives its answer as JSON."""
        operation, arguments = step["op"], Arguments(generate(step.get("args", {})))
        caller = self.caller(step.get("as", "system"))
        if operation in HANDLE and caller is not self.door:
            raise Broken(f"{operation} is called by the system alone")
        if operation == "session":
            return self.session(arguments, step.get("save"))
        taken = getattr(self, f"do_{operation}", None)
        if taken is None:
            raise Broken(f"no such operation: {operation}")
        answer = taken(caller, arguments)
        arguments.finish()
        if operation in {"authenticate", "verify", "admit"} and "save" in step:
            context = {"authenticate": lambda: answer, "verify": lambda: getattr(answer, "context", None)}.get(
                operation, lambda: answer.context
            )()
            if context is not None:
                self.contexts[step["save"]] = context
        return plain(answer)

    def session(self, arguments: Arguments, save: str | None) -> Any:
        context, request = self.contexts[arguments.take("context")], arguments.request()
        arguments.finish()
        assert save is not None, "a session must be saved under a name"
        self.sessions[save] = self.door.session(context, request=request)
        assert self.sessions[save].context == context
        return plain(context)

    # --- the stage

    def do_fault(self, _caller: Any, arguments: Arguments) -> Any:
        self.faults.fail(arguments.take("kind"))

    def do_wait(self, _caller: Any, arguments: Arguments) -> Any:
        time.sleep(arguments.take("ms") / 1000)

    def do_write_file(self, _caller: Any, arguments: Arguments) -> Any:
        (self.folder / arguments.take("name")).write_text(arguments.take("text"))

    def do_make_folder(self, _caller: Any, arguments: Arguments) -> Any:
        (self.folder / arguments.take("name")).mkdir(parents=True)

    # --- the handle

    def do_open(self, _caller: Any, arguments: Arguments) -> Any:
        variables, stay = arguments.take("variables", {}), arguments.take("stay", False)
        if stay:
            self.doors.append(doorward.Doorward.open_from_env({**self.store, **variables}))
            self.door = self.face.door(self.doors[-1])
            return
        environ = {"STORE_BACKEND": "memory", **variables}
        if isinstance(self.face, Asyncio):
            self.face.call(self.face.call(doorward.aio.Doorward.open_from_env(environ)).close())
        else:
            doorward.Doorward.open_from_env(environ).close()

    def do_close(self, door: Any, arguments: Arguments) -> Any:
        deadline = arguments.take("deadlineMs", None)
        return self.face.call(door.close() if deadline is None else door.close(deadline / 1000))

    def do_health(self, door: Any, _arguments: Arguments) -> Any:
        return self.face.call(door.health())

    def do_metrics(self, door: Any, _arguments: Arguments) -> Any:
        return door.metrics()

    # --- who the caller is

    def do_authenticate(self, door: Any, arguments: Arguments) -> Any:
        return self.face.call(door.authenticate(arguments.credentials(), request=arguments.request()))

    def do_verify(self, door: Any, arguments: Arguments) -> Any:
        return self.face.call(door.verify(arguments.credentials(), request=arguments.request()))

    def do_admit(self, door: Any, arguments: Arguments) -> Any:
        credentials, request = arguments.credentials(), arguments.request()
        given = arguments.given(institution_id="institutionId")
        region, position = arguments.take("region"), arguments.position()
        return self.face.call(door.admit(credentials, region=region, position=position, request=request, **given))

    def do_rate_limit(self, door: Any, arguments: Arguments) -> Any:
        return door.rate_limit(self.contexts[arguments.take("context")])

    def do_find_by_token(self, door: Any, arguments: Arguments) -> Any:
        return self.face.call(door.find_by_token(arguments.take("token")))

    # --- institutions and the trail

    def do_create_institution(self, caller: Any, arguments: Arguments) -> Any:
        name = arguments.take("name")
        return self.face.call(caller.create_institution(name, **arguments.given(id="id", regions="regions")))

    def do_get_institution(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.get_institution(arguments.take("institutionId")))

    def do_list_institutions(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.list_institutions(**arguments.page()))

    def do_update_institution(self, caller: Any, arguments: Arguments) -> Any:
        institution = arguments.take("institutionId")
        return self.face.call(caller.update_institution(institution, **arguments.given(name="name", regions="regions")))

    def do_list_audit_events(self, caller: Any, arguments: Arguments) -> Any:
        given = arguments.given(
            institution_id="institutionId", actor="actor", action="action", since="since", until="until"
        )
        return self.face.call(caller.list_audit_events(**given, **arguments.page()))

    # --- keys

    def do_create_key(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.create_key(arguments.take("institutionId"), **arguments.key()))

    def do_create_keys(self, caller: Any, arguments: Arguments) -> Any:
        keys = [doorward.NewKey(**key) for key in arguments.keys()]
        return self.face.call(caller.create_keys(arguments.take("institutionId"), keys))

    def do_import_keys(self, caller: Any, arguments: Arguments) -> Any:
        keys = [doorward.ImportedKey(**key) for key in arguments.keys()]
        given = arguments.given(dry_run="dryRun")
        return self.face.call(caller.import_keys(arguments.take("institutionId"), keys, **given))

    def do_list_keys(self, caller: Any, arguments: Arguments) -> Any:
        given = arguments.given(include_revoked="includeRevoked", role="role", status="status")
        return self.face.call(caller.list_keys(arguments.take("institutionId"), **given, **arguments.page()))

    def do_update_key(self, caller: Any, arguments: Arguments) -> Any:
        given = arguments.given(
            label="label", expires_at="expiresAt", allowed_addresses="allowedAddresses", expected_version="expectedVersion"
        )
        given |= arguments.rate_limit() | arguments.document("metadata")
        return self.face.call(caller.update_key(*self.key(arguments), **given))

    def do_rotate_key(self, caller: Any, arguments: Arguments) -> Any:
        grace = arguments.given(grace="graceMs")
        given = {name: millis / 1000 for name, millis in grace.items()}
        return self.face.call(caller.rotate_key(*self.key(arguments), **given))

    def key(self, arguments: Arguments) -> tuple[str, str]:
        return arguments.take("institutionId"), arguments.take("keyId")

    def do_get_key(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.get_key(*self.key(arguments)))

    def do_enable_key(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.enable_key(*self.key(arguments)))

    def do_disable_key(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.disable_key(*self.key(arguments)))

    def do_revoke_key(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.revoke_key(*self.key(arguments)))

    def do_revoke_all_keys(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.revoke_all_keys(arguments.take("institutionId")))

    # --- policies

    def place(self, arguments: Arguments) -> tuple[str, str]:
        return arguments.take("institutionId"), arguments.take("region")

    def do_upsert_policy(self, caller: Any, arguments: Arguments) -> Any:
        config, given = arguments.required("config"), arguments.given(expected_version="expectedVersion")
        return self.face.call(caller.upsert_policy(*self.place(arguments), config, **given))

    def do_merge_policy(self, caller: Any, arguments: Arguments) -> Any:
        patch, given = arguments.required("patch"), arguments.given(expected_version="expectedVersion")
        return self.face.call(caller.merge_policy(*self.place(arguments), patch, **given))

    def do_get_policy(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.get_policy(*self.place(arguments)))

    def do_list_policies(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.list_policies(arguments.take("institutionId"), **arguments.page()))

    def do_delete_policy(self, caller: Any, arguments: Arguments) -> Any:
        given = arguments.given(expected_version="expectedVersion")
        return self.face.call(caller.delete_policy(*self.place(arguments), **given))

    def do_policy_history(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.policy_history(*self.place(arguments), **arguments.page()))

    def do_check_position(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.check_position(*self.place(arguments), arguments.position()))

    def do_check_positions(self, caller: Any, arguments: Arguments) -> Any:
        return self.face.call(caller.check_positions(*self.place(arguments), arguments.positions()))

    def do_dry_run(self, caller: Any, arguments: Arguments) -> Any:
        config, positions = arguments.required("config"), arguments.positions()
        return self.face.call(caller.dry_run(*self.place(arguments), config, positions))


def plain(answer: Any) -> Any:
    """The answer as JSON; a created key with its token in full."""
    match answer:
        case None | int():
            return answer
        case list():
            return [plain(item) for item in answer]
        case doorward.CreatedKey(token, record):
            return {"token": token.reveal(), "record": record.to_dict()}
        case doorward.Granted(context):
            return {"granted": True, "context": context.to_dict()}
        case doorward.Refused(reason):
            refused = {"granted": False, "kind": str(answer.kind), "reason": reason}
            return refused if answer.retry_after is None else refused | {"retryAfterMs": answer.retry_after * 1000}
        case _:
            return answer.to_dict()
