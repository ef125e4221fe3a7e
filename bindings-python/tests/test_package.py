"""What the package says of itself, and what is in the source distribution."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import doorward

PACKAGE = Path(__file__).parents[1]
ROOT = PACKAGE.parent
PROJECT = (PACKAGE / "pyproject.toml").read_text()
WORKFLOW = (ROOT / ".github" / "workflows" / "python-release.yml").read_text()


def found(pattern: str, text: str) -> str:
    """The one place where the pattern fits."""
    (group,) = re.findall(pattern, text, re.MULTILINE)
    return str(group)


def test_there_is_one_version_for_all_packages() -> None:
    workspace = (ROOT / "Cargo.toml").read_text().partition("[workspace.package]")[2]
    assert doorward.__version__ == re.findall(r'^version = "(.+)"$', workspace, re.MULTILINE)[0]
    assert "version.workspace = true" in (PACKAGE / "Cargo.toml").read_text()
    try:
        assert version("doorward") == doorward.__version__
    except PackageNotFoundError:
        assert Path(doorward.__file__).is_relative_to(PACKAGE), "only a link to the sources has no metadata"


def test_the_oldest_python_is_the_same_everywhere() -> None:
    oldest = found(r'^requires-python = ">=3\.(\d+)"$', PROJECT)
    assert f'"abi3-py3{oldest}"' in (PACKAGE / "Cargo.toml").read_text()
    classified = [int(minor) for minor in re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', PROJECT)]
    assert classified == list(range(int(oldest), classified[-1] + 1))


def test_no_framework_is_imported_before_it_is_asked_for() -> None:
    program = "import sys, doorward, doorward.aio, doorward.asgi, doorward.wsgi; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"fastapi", "starlette", "flask", "pydantic"}.isdisjoint(ended.stdout.split())
    ended = subprocess.run([sys.executable, "-c", "import sys, doorward; print(*sys.modules)"], capture_output=True, text=True)
    assert {"doorward.asgi", "doorward.wsgi", "doorward.fastapi"}.isdisjoint(ended.stdout.split())


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "maturin", "sdist", "--manifest-path", str(PACKAGE / "Cargo.toml"), "--out", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        if sys.version_info >= (3, 12):
            files.extractall(folder, filter="data")
        else:
            files.extractall(folder)
    return folder / archive.name.removesuffix(".tar.gz")


def test_the_source_distribution_has_what_it_needs(sdist: Path) -> None:
    assert sdist.name == f"doorward-{doorward.__version__}"
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        assert (sdist / name).read_text() == (ROOT / name).read_text()
    assert (sdist / "README.md").read_text() == (PACKAGE / "README.md").read_text()
    described = (sdist / "PKG-INFO").read_text()
    assert found("^License-Expression: (.+)$", described) == "MIT OR Apache-2.0"
    assert set(re.findall("^License-File: (.+)$", described, re.MULTILINE)) == {"LICENSE-APACHE", "LICENSE-MIT"}
    assert {path.name for path in (sdist / "python" / "doorward").iterdir()} == {
        path.name for path in (PACKAGE / "python" / "doorward").iterdir() if path.suffix in (".py", ".pyi", ".typed")
    }
    # The crates that it is built from, in the versions that were tested.
    command = ["cargo", "metadata", "--offline", "--format-version", "1", "--manifest-path"]
    subprocess.run([*command, str(sdist / "bindings-python" / "Cargo.toml")], check=True, capture_output=True)
    locked = (ROOT / "Cargo.lock").read_text()
    for package in (sdist / "Cargo.lock").read_text().split("[[package]]")[1:]:
        assert re.findall(r"^(?:name|version|checksum) = .+$", package, re.MULTILINE)[-1] in locked


def test_the_release_publishes_for_tags_alone_and_by_pinned_actions() -> None:
    used = re.findall(r"uses: (\S+)", WORKFLOW)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
    before, _, publishing = WORKFLOW.partition("\n  publish:\n")
    assert "id-token" not in before and "environment:" not in before
    assert "if: github.event_name == 'push' && github.ref_type == 'tag'\n" in publishing
    assert "secrets." not in WORKFLOW
    for target in ("unknown-linux-gnu", "unknown-linux-musl", "apple-darwin", "pc-windows-msvc"):
        assert f"target: x86_64-{target}," in WORKFLOW
