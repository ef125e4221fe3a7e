"""Stubs and annotations: true to the module, complete, and of use to type checkers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import doorward

PACKAGE = Path(__file__).parents[1]
EXAMPLES = PACKAGE.parent / "examples" / "python"
USAGE = Path(__file__).parent / "typing" / "usage.py"
PROGRAMS = [str(path) for path in (*sorted(EXAMPLES.glob("*.py")), USAGE)]


def clean(folder: Path, *command: str) -> str:
    """Runs a tool of this interpreter where no file of the package is beside it. It must find nothing wrong."""
    environ = {
        **os.environ,
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        "MYPY_CACHE_DIR": str(folder / "cache"),
        "PYTHONPATH": str(folder / "site"),
    }
    # `pyright --verifytypes` follows no link from one folder of packages to another.
    (folder / "site").mkdir()
    (folder / "site" / "doorward").symlink_to(Path(doorward.__file__).parent)
    ended = subprocess.run([sys.executable, "-m", *command], cwd=folder, env=environ, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def pyright(folder: Path, *arguments: str) -> str:
    return clean(folder, "pyright", "--pythonpath", sys.executable, *arguments)


def test_the_stubs_say_what_the_module_has(tmp_path: Path) -> None:
    assert "no issues found in" in clean(tmp_path, "mypy.stubtest", "doorward")


def test_mypy_is_content_with_the_package(tmp_path: Path) -> None:
    clean(tmp_path, "mypy", "--strict", "-p", "doorward")


def test_mypy_is_content_with_programs_that_use_it(tmp_path: Path) -> None:
    clean(tmp_path, "mypy", "--strict", *PROGRAMS)


def test_pyright_is_content_with_programs_that_use_it(tmp_path: Path) -> None:
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"include": PROGRAMS, "typeCheckingMode": "strict"}))
    assert "0 errors, 0 warnings" in pyright(tmp_path)


def test_every_public_name_has_a_type(tmp_path: Path) -> None:
    assert "Type completeness score: 100%" in pyright(tmp_path, "--verifytypes", "doorward", "--ignoreexternal")
