"""The stores on which tests run, each time a fresh one."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

STORES = ("memory", "sqlite", "postgres")


def server() -> str:
    """The PostgreSQL server to test against. No test is skipped because there is none."""
    url = os.environ.get("DOORWARD_TEST_DATABASE_URL")
    assert url, "DOORWARD_TEST_DATABASE_URL is not set: put tests/with-postgres before the command"
    return url


@contextmanager
def fresh(store: str, folder: Path) -> Iterator[dict[str, str]]:
    """The variables that ask for a new and empty store of this kind, which is gone afterwards."""
    if store == "memory":
        yield {"STORE_BACKEND": "memory"}
    elif store == "sqlite":
        yield {"STORE_BACKEND": "sqlite", "DATABASE_URL": f"sqlite:{folder / 'doorward.db'}"}
    else:
        schema = f"test_{os.getpid()}_{secrets.token_hex(8)}"
        try:
            yield {"STORE_BACKEND": "postgres", "DATABASE_URL": server(), "DOORWARD_SCHEMA": schema}
        finally:
            with psycopg.connect(server(), autocommit=True) as connection:
                connection.execute("SET client_min_messages = warning")
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


class Locked:
    """Holds every table of a store in PostgreSQL, so that nobody is answered, until it is let go."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._schema = variables["DOORWARD_SCHEMA"]
        self._holder = psycopg.connect(server())
        self._observer = psycopg.connect(server(), autocommit=True)
        tables = self._holder.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [self._schema]).fetchall()
        names = ", ".join(f"{self._schema}.{name}" for (name,) in tables)
        self._holder.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")

    def __enter__(self) -> Locked:
        return self

    def __exit__(self, *error: object) -> None:
        self._holder.close()
        self._observer.close()

    def is_waited_for(self) -> bool:
        """Whether an operation is under way, and has come as far as the lock."""
        query = (
            "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT l.granted AND n.nspname = %s"
        )
        row = self._observer.execute(query, [self._schema]).fetchone()
        return row is not None and row[0] > 0

    def wait_for_others(self) -> None:
        """Waits until an operation waits."""
        deadline = time.monotonic() + 4
        while not self.is_waited_for():
            assert time.monotonic() < deadline, "no operation came as far as the lock"

    def release(self) -> None:
        """Lets all be answered."""
        self._holder.rollback()
