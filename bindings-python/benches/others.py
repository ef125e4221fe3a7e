"""What verifying one key costs with other packages for API keys, as they are installed by default, and with doorward.

    maturin build --release -m bindings-python/Cargo.toml -o target/wheels
    python bindings-python/benches/others.py target/wheels/doorward-*.whl

Makes an environment of its own, installs the packages and the wheel there, measures, and throws it away. Prints medians of
interleaved rounds of elapsed time: some of them sleep on purpose.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ["keyshield[argon2,aiocache]", "djangorestframework-api-key", "djangorestframework"]
ROUNDS = 11


def measure(folder: Path) -> None:
    """Runs in the environment that has them all."""
    results: dict[str, list[float]] = {}
    with doorward_doors(folder) as doors, asyncio.Runner() as runner:
        contestants: list[tuple[str, int, Callable[[], Any]]] = [
            *doors,
            ("djangorestframework-api-key, table in SQLite's memory", 200, django_keys()),
        ]
        awaited = runner.run(keyshields())
        for _ in range(ROUNDS):
            for name, calls, call in contestants:
                began = time.perf_counter()
                for _ in range(calls):
                    call()
                results.setdefault(name, []).append((time.perf_counter() - began) / calls)
            for name, calls, check in awaited:
                results.setdefault(name, []).append(runner.run(timed(check, calls)))
    print(f"CPython {sys.version.split()[0]}; doorward {version('doorward')}, keyshield {version('keyshield')},")
    print(f"djangorestframework-api-key {version('djangorestframework-api-key')}; medians of {ROUNDS} rounds\n")
    baseline = statistics.median(next(iter(results.values())))
    for name, times in results.items():
        median = statistics.median(times)
        print(f"{name:62} {median * 1e6:12,.2f} µs {median / baseline:12,.0f} x")


async def timed(check: Callable[[], Awaitable[Any]], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        await check()
    return (time.perf_counter() - began) / calls


@contextmanager
def doorward_doors(folder: Path) -> Iterator[list[tuple[str, int, Callable[[], Any]]]]:
    """A door in memory, and one on a file."""
    import doorward

    def verifying(door: doorward.Doorward) -> Callable[[], Any]:
        institution = door.create_institution("Acme Bank")
        token = door.create_key(institution.id, label="one", role="admin").token.reveal()
        assert door.verify(token)
        return lambda: door.verify(token)

    url = f"sqlite:{folder / 'doorward.db'}"
    with doorward.Doorward.open() as memory, doorward.Doorward.open(store="sqlite", database_url=url) as file:
        yield [("doorward, in memory", 20_000, verifying(memory)), ("doorward, SQLite file", 2_000, verifying(file))]


def django_keys() -> Callable[[], Any]:
    """Its table in SQLite's memory."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "rest_framework_api_key"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SECRET_KEY="of the benchmark",
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from rest_framework_api_key.models import APIKey

    _, key = APIKey.objects.create_key(name="one")
    assert APIKey.objects.is_valid(key)
    return lambda: APIKey.objects.is_valid(key)


async def keyshields() -> list[tuple[str, int, Callable[[], Awaitable[Any]]]]:
    """Its services on keys in memory: as they are, and without the delay that they add to every answer."""
    from keyshield import ApiKeyService
    from keyshield.hasher.argon2 import Argon2ApiKeyHasher
    from keyshield.repositories.in_memory import InMemoryApiKeyRepository
    from keyshield.services.cached import CachedApiKeyService

    checks: list[tuple[str, int, Callable[[], Awaitable[Any]]]] = []
    for name, service, delay, calls in (
        ("keyshield, in memory", ApiKeyService, {}, 1),
        ("keyshield, in memory, its delay set to nothing", ApiKeyService, {"min_delay": 0, "max_delay": 0}, 5),
        ("keyshield, in memory, cached, its delay set to nothing", CachedApiKeyService, {"min_delay": 0, "max_delay": 0}, 200),
    ):
        made = service(repo=InMemoryApiKeyRepository(), hasher=Argon2ApiKeyHasher(pepper="of the benchmark"), **delay)
        _, key = await made.create(name="one")
        assert await made.verify_key(key)
        checks.append((name, calls, lambda made=made, key=key: made.verify_key(key)))
    return checks


def main() -> None:
    (wheel,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder, "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "--quiet", wheel, *PACKAGES], check=True)
        subprocess.run([python, __file__, "--measure"], check=True, env={**os.environ, "BENCHMARK_FOLDER": folder})


if __name__ == "__main__":
    if sys.argv[1:] == ["--measure"]:
        measure(Path(os.environ["BENCHMARK_FOLDER"]))
    else:
        main()
