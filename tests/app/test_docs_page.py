"""The reference as a page: its links, and that it needs nothing but itself."""

import re
from html.parser import HTMLParser
from typing import Final
from urllib.parse import unquote

import pytest

from app import docs
from app.registry import Method
from tests.examples import METHODS, REGISTRY

REFERENCE: Final = docs.markdown(REGISTRY, "1.2.3", "https://tokens.example.org")
# What a page may have in a head or a body; none of it fetches or runs anything.
HARMLESS: Final = {
    *("html", "head", "meta", "title", "style", "body", "p", "a", "ul", "li", "strong"),
    *("h1", "h2", "h3", "h4", "pre", "code", "table", "thead", "tbody", "tr", "th", "td"),
}


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each heading by its id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.headings: dict[str, str] = {}
        self._heading = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self._heading = str(dict(attrs)["id"])
            assert self._heading not in self.headings
            self.headings[self._heading] = ""

    def handle_endtag(self, tag: str) -> None:
        """A heading has ended."""
        if re.fullmatch("h[1-6]", tag):
            self._heading = ""

    def handle_data(self, data: str) -> None:
        """Note the text of a heading."""
        if self._heading:
            self.headings[self._heading] += data

    def attributes(self, name: str) -> list[str]:
        """The values of an attribute, wherever it stands."""
        return [str(attrs[name]) for _, attrs in self.found if name in attrs]


PAGE: Final = Elements(docs.page(REFERENCE))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method_is_linked_to(method: Method) -> None:
    """The list of methods leads to each method's section."""
    led = [PAGE.headings[unquote(link)[1:]] for link in PAGE.attributes("href")]
    assert method.schema["summary"] in led


def test_every_link_has_its_heading() -> None:
    """A link leads to a place on the page, never elsewhere."""
    assert {unquote(link) for link in PAGE.attributes("href")} <= {f"#{n}" for n in PAGE.headings}


def test_every_heading_is_there() -> None:
    """The page has the headings of the Markdown, in their order."""
    prose = re.sub(r"^```.*?^```$", "", REFERENCE, flags=re.MULTILINE | re.DOTALL)
    assert list(PAGE.headings.values()) == re.findall(r"^#+ (.*)$", prose, re.MULTILINE)


def test_repeated_headings_are_numbered() -> None:
    """Headings with the same text are told apart as on GitHub."""
    assert list(Elements(docs.page("# A b\n\n# A b\n\n# A `b`")).headings) == [
        "a-b",
        "a-b-1",
        "a-b-2",
    ]


def test_it_needs_nothing_else() -> None:
    """Nothing is run, fetched or sent: no scripts, images, frames, forms or outside styles."""
    assert {tag for tag, _ in PAGE.found} <= HARMLESS
    assert not re.search(r"url\(|@import", docs.page(REFERENCE))


def test_no_attribute_does_anything() -> None:
    """Attributes name and describe; none is a style or a handler."""
    names = {name for _, attrs in PAGE.found for name in attrs}
    assert names <= {"lang", "charset", "name", "content", "id", "href", "class"}


def test_it_fits_phones() -> None:
    """A phone shows it in its own width."""
    assert "width=device-width, initial-scale=1" in PAGE.attributes("content")


def test_it_is_dark_where_the_reader_wants_it() -> None:
    """It follows what the reader's system prefers."""
    assert "@media (prefers-color-scheme: dark)" in docs.page(REFERENCE)


def test_tables_are_tables() -> None:
    """Every table of the Markdown has become one."""
    tables = [tag for tag, _ in PAGE.found if tag == "table"]
    assert len(tables) == len(re.findall(r"^\| ---", REFERENCE, re.MULTILINE))


def test_its_title_is_the_first_heading() -> None:
    """What a tab of a browser shows is the text of the first heading, and nothing but text."""
    assert "<title>A &lt;b&gt;</title>" in docs.page("# A `<b>`\n\n# C")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "# <img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "```<script>\n</code></pre><script>alert(1)</script>\n```",
        "`<script>alert(1)</script>`",
        "| <script> |\n| --- |\n| </td><script>alert(1)</script> |",
    ],
)
def test_markup_in_the_text_is_text(text: str) -> None:
    """Whatever stands in a description is shown and never obeyed."""
    shown = Elements(docs.page(text))
    assert {tag for tag, _ in shown.found} <= HARMLESS
    assert not any(link.startswith(("javascript:", "data:")) for link in shown.attributes("href"))
