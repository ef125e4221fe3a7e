"""Which paths need no key."""

from typing import Any

import pytest
from doorward._exempt import Exempt

EXEMPT = Exempt(["/", "/health", "/docs/*", "/a b/ü/*"])


@pytest.mark.parametrize(
    "path", ["/", "/health", "/docs/index.html", "/docs/a/b", "/docs/.well-known", "/docs/a..b", "/a b/ü/x"]
)
def test_what_is_listed_is_exempt(path: str) -> None:
    assert EXEMPT.covers(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "health",
        "*",
        "/health/",
        "/healthy",
        "/Health",
        "/health\n",
        "/health?x",
        "/health#x",
        "//health",
        "//",
        "/docs",
        "/docs/",
        "/docsx",
        "/DOCS/x",
        "/docs/../keys",
        "/docs/..",
        "/docs/.",
        "/docs/./../keys",
        "/docs//keys",
        "/docs//",
        "/docs/..\\keys",
        "/docs\\x",
        "/docs/%2e%2e/keys",
        "/docs/%252e%252e/keys",
        "/docs/x%00",
        "/docs/;",
        "/docs/x;y",
        "/docs/#",
        "/docs/x?y",
        "/docs/x\0",
        "/docs/x\r\n",
        "/keys/../docs/x",
        "/./docs/x",
        "http://host/docs/x",
    ],
)
def test_what_only_looks_like_it_needs_a_key(path: str) -> None:
    assert not EXEMPT.covers(path)


def test_nothing_is_exempt_unless_it_is_listed() -> None:
    assert not Exempt([]).covers("/")
    assert not Exempt(["/x"]).covers("/")


def test_a_folder_itself_is_exempt_where_it_is_listed() -> None:
    assert Exempt(["/docs/", "/docs/*"]).covers("/docs/")
    assert Exempt(["/docs/*", "/docs/old/*"]).covers("/docs/old/")


@pytest.mark.parametrize(
    "path",
    ["", "health", "/*", "*", "/docs/**", "/*/x", "/docs*", "/a//b", "/a/../b", "/a/./*", "/%41", "/a\\b", "//*"],
)
def test_a_rule_that_means_nothing_certain_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="exempt"):
        Exempt([path])


@pytest.mark.parametrize("paths", ["/health", [5], [b"/health"]])
def test_what_is_no_list_of_texts_is_a_type_error(paths: Any) -> None:
    with pytest.raises(TypeError, match="exempt is a list of paths"):
        Exempt(paths)
