"""Markdown → one HTML page, which needs nothing else: no scripts, nothing fetched."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.docs.headings import Slugs

_STYLE: Final = (Path(__file__).parent / "page.css").read_text("utf-8")
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}</body>
</html>
"""
# "HTML" off: what looks like HTML in the text is text.
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


def page(markdown_text: str) -> str:
    """The page; its headings have the names that links in the text call them by."""
    tokens = _MARKDOWN.parse(markdown_text)
    titles = _name_headings(tokens)
    body = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return _PAGE.format(title=escape(titles[0] if titles else ""), style=_STYLE, body=body)


def _name_headings(tokens: Sequence[Token]) -> list[str]:
    """Give each heading its name; answers their texts."""
    slugs, titles = Slugs(), []
    for opened, text in pairwise(tokens):
        if opened.type == "heading_open":
            titles.append(_plain(text))
            opened.attrSet("id", slugs.next(titles[-1]))
    return titles


def _plain(inline: Token) -> str:
    """The text of a heading, without its marks."""
    return "".join(token.content for token in inline.children or ())
