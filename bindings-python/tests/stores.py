"""The stores on which tests run, each time a fresh one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
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
