"""The stub of the extension module has the module's own docstrings, for editors and whoever reads it.

``WRITE_DOCSTRINGS=1 python -m pytest tests/test_docstrings.py`` writes them into the stub.
"""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from doorward import _doorward

STUB = Path(__file__).parents[1] / "python" / "doorward" / "_doorward.pyi"
# Bases that the stub alone has, with a class that has their members.
STANDS_FOR = {
    "_Record": "AuthContext",
    "_Plain": "ApiKey",
    "_Operations": "Session",
    "_AsyncOperations": "AsyncSession",
}
# Classes for the package itself.
INTERNAL = {"Mailbox", "Pending"}


Described = ast.FunctionDef | ast.ClassDef


def described(tree: ast.Module) -> Iterator[tuple[Described, Any]]:
    """The classes of the stub and what people call, each with what it is in the module."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node, getattr(_doorward, node.name)
        if isinstance(node, ast.ClassDef) and node.name not in INTERNAL:
            owner = getattr(_doorward, STANDS_FOR.get(node.name, node.name))
            if node.name not in STANDS_FOR:
                yield node, owner
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                    yield member, getattr(owner, member.name)


def docstring(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def write(lines: list[str], node: Described, text: str) -> None:
    """Puts the docstring where the old one is, or the dots that are the body of a function."""
    body = node.body[0]
    assert isinstance(body, ast.Expr) and isinstance(body.value, ast.Constant) and body.end_lineno is not None
    before = lines[body.lineno - 1][: body.col_offset].rstrip()
    indent = " " * (node.col_offset + 4)
    first, *rest = text.splitlines()
    quoted = [f'{indent}"""{first}', *(f"{indent}{line}".rstrip() for line in rest)]
    if rest:
        quoted.append(f'{indent}"""')
    else:
        quoted[0] += '"""'
    lines[body.lineno - 1 : body.end_lineno] = ([before] if before else []) + quoted


def test_the_stub_has_the_docstrings_of_the_module() -> None:
    text = STUB.read_text()
    different = [(node, thing) for node, thing in described(ast.parse(text)) if ast.get_docstring(node) != docstring(thing)]
    if os.environ.get("WRITE_DOCSTRINGS"):
        lines = text.splitlines()
        for node, thing in reversed(different):
            write(lines, node, docstring(thing))
        STUB.write_text("\n".join(lines) + "\n")
    else:
        assert [(node.lineno, node.name) for node, _ in different] == []


def test_everything_that_people_call_is_described() -> None:
    texts = {thing: docstring(thing) for _, thing in described(ast.parse(STUB.read_text()))}
    assert texts
    assert [thing for thing, text in texts.items() if not text] == []
