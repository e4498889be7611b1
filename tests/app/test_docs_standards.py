"""What the reference tells back ends and gateways is what the service and its document say."""

import re
from typing import Final

import orjson

from app import docs
from app.docs.markdown.standards import STANDARDS
from app.validation import is_valid
from app.wire import forward_auth, oauth, oauth_errors
from tests.app.openapi import PATHS, SCHEMAS, answer, answer_schema
from tests.examples import REGISTRY

URL: Final = "https://tokens.example.org"
REFERENCE: Final = docs.markdown(REGISTRY, "1.2.3", URL)
SECTION: Final = REFERENCE.partition(f"\n## {STANDARDS}\n")[2].partition("\n## ")[0]


def rows(start: str) -> dict[str, str]:
    """The first two cells of each row whose first begins so."""
    return dict(re.findall(rf"^\| ({start}[^|]*) \| ([^|]*) \|", SECTION, re.MULTILINE))


def test_is_a_chapter() -> None:
    """The reference leads to it; that of one module does not have it."""
    assert f"[{STANDARDS}](#back-ends-and-gateways)" in REFERENCE.partition("\n## ")[0]
    assert STANDARDS not in docs.markdown(REGISTRY, "1.2.3", URL, "api-tokens")


def test_has_every_path() -> None:
    """With the address of the service."""
    for path in (*oauth.ENDPOINTS, forward_auth.PATH):
        assert f"{URL}{path}" in SECTION


def test_shows_a_good_answer() -> None:
    """It is as the document has it."""
    [shown] = re.findall(r"^```json\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    schema = answer_schema("/oauth2/introspect", "post", 200)
    assert is_valid(schema, SCHEMAS, orjson.loads(shown))


def test_has_every_error() -> None:
    """Each that the document has, with its statuses; and 405, which has no place there."""
    statuses = {*PATHS["/oauth2/introspect"]["post"]["responses"], "405"} - {"200"}
    told = {
        status: name.strip("`")
        for name, listed in rows("`[a-z]+_").items()
        for status in listed.split(", ")
    }
    assert told == {status: oauth_errors.error(int(status)) for status in statuses}


def test_has_every_answer_to_gateways() -> None:
    """But for faults of the service itself, and the 200 that stands beside 204."""
    assert rows("[0-9]").keys() == PATHS["/auth"]["get"]["responses"].keys() - {"200", "500"}


def test_has_every_header_for_upstreams() -> None:
    """In words, and in the configuration, or a caller could forge it."""
    names = answer("/auth", "get", 204)["headers"].keys() - {"X-Request-Id"}
    for name in names:
        assert f"`{name}`" in SECTION
        assert f"proxy_set_header {name} $" in SECTION
        assert f"$upstream_http_{name.lower().replace('-', '_')};" in SECTION
