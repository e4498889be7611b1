"""The reference in Markdown has everything, as the schemas have it, and links that lead to it."""

import re
import shlex
from dataclasses import replace
from typing import Any, Final

import orjson
import pytest
import yaml

from app import docs
from app.docs.headings import slug
from app.docs.markdown.blocks import fenced, table
from app.docs.refusals import refusals
from app.errors import ANSWERS
from app.registry import Method
from app.wire import envelope
from tests.examples import METHODS, REGISTRY, examples_of
from tests.support import Api

URL: Final = "https://tokens.example.org"
REFERENCE: Final = docs.markdown(REGISTRY, "1.2.3", URL)
OPENRPC: Final = docs.openrpc(REGISTRY, "1.2.3", URL)
MODULES: Final = ["api-tokens", "audit", "session", "settings", "usage", "users"]
# How YAML names a schema that it does not show.
NAMED: Final = r"\$ref: '#/components/schemas/(\w+)'"

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
every_event = pytest.mark.parametrize("name", REGISTRY.events)


def section(start: str) -> str:
    """The part of the reference below this heading, up to the next of its level or above."""
    level = start.index(" ")
    _, found, rest = REFERENCE.partition(f"\n{start}\n")
    assert found, start
    return re.split(rf"^#{{1,{level}}} ", rest, flags=re.MULTILINE)[0]


def code(language: str, text: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def whole(schema: Any) -> Any:
    """A schema with all it refers to in its place."""
    if isinstance(schema, list):
        return [whole(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    beside = {name: whole(member) for name, member in schema.items() if name != "$ref"}
    if "$ref" not in schema:
        return beside
    found: Any = {"#": {"components": {"schemas": REGISTRY.components}}}
    for step in schema["$ref"].split("/"):
        found = found[step]
    return {**whole(found), **beside}


@every_method
def test_reference_has_the_method(method: Method) -> None:
    """A method's section has its name and what it does."""
    text = section(f"### {method.schema['summary']}")
    assert text.startswith(f"\n`{method.name}`\n\n{method.schema['description']}\n")


@every_method
def test_reference_has_the_permission(method: Method) -> None:
    """A method's section says who may call it."""
    [told] = re.findall(
        r"^#### Permission\n\n`(.*?)`", section(f"### {method.schema['summary']}"), re.MULTILINE
    )
    assert told == method.permission


@every_method
def test_reference_has_the_parameters(method: Method) -> None:
    """Each parameter is named in its place, and whether it is required."""
    told = re.findall(
        r"^`(\w+)` `\[(.*)\]`", section(f"### {method.schema['summary']}"), re.MULTILINE
    )
    expected = [
        (p["name"], "required" if p.get("required") else "not required")
        for p in method.schema["params"]
    ]
    assert told == expected


@every_method
def test_reference_has_the_schemas(method: Method) -> None:
    """The YAML is the schema of each parameter and of the result, as JSON Schema has it."""
    shown = code("yaml", section(f"### {method.schema['summary']}"))
    schemas = [d["schema"] for d in [*method.schema["params"], method.schema["result"]]]
    assert [whole(yaml.safe_load(text)) for text in shown] == [whole(s) for s in schemas]


@pytest.mark.parametrize("name", sorted(set(re.findall(NAMED, REFERENCE))))
def test_what_is_only_named_stands_elsewhere(name: str) -> None:
    """A schema that is too long to be repeated has a section of its own."""
    [shown] = code("yaml", section(f"### {name}"))
    assert whole(yaml.safe_load(shown)) == whole(REGISTRY.components[name])
    assert shown.count("\n") > 10


def test_what_is_only_named_is_linked_to() -> None:
    """Below the YAML that names schemas there are links to them."""
    shown = re.findall(r"^```yaml\n(.*?)^```\n\n(.*?)$", REFERENCE, re.MULTILINE | re.DOTALL)
    for text, below in shown:
        links = [f"[{name}](#{name.lower()})" for name in sorted(set(re.findall(NAMED, text)))]
        assert not links or below == f"With {', '.join(links)}."


def test_yaml_repeats_what_it_needs() -> None:
    """There are no anchors and aliases to look up."""
    assert not re.search(r"^ *(\w+:|-) [&*]", "".join(code("yaml", REFERENCE)), re.MULTILINE)


@every_method
def test_reference_has_the_refusals(method: Method) -> None:
    """Each refusal of a method stands in its table, with the HTTP status."""
    rows = re.findall(
        r"^\| `(-?\d+)` \| (\d+).*? \| (.*) \|$",
        section(f"### {method.schema['summary']}"),
        re.MULTILINE,
    )
    expected = [(int(code), ANSWERS[code][0], text) for code, text in refusals(method)]
    assert [(int(code), int(status), text) for code, status, text in rows] == expected


@every_method
def test_reference_has_the_curl_calls(method: Method) -> None:
    """Each example is a curl call that a shell splits into URL, headers and arguments."""
    shown = code("sh", section(f"### {method.schema['summary']}"))
    sent = [(words[3], orjson.loads(words[-1])) for words in map(shlex.split, shown)]
    assert sent == [(URL + method.name, example.arguments) for example in examples_of(method)]


@every_method
def test_only_guests_send_no_token(method: Method) -> None:
    """A curl call has the token of $TOKEN, unless nobody is asked for one."""
    for shown in code("sh", section(f"### {method.schema['summary']}")):
        has_token = '-H "Authorization: Bearer $TOKEN"' in shown
        assert has_token == (method.permission != "guest")


@every_method
def test_reference_has_the_answers(method: Method) -> None:
    """What each example answers is shown as JSON."""
    shown = code("json", section(f"### {method.schema['summary']}"))
    answers = [example.answer for example in examples_of(method)]
    assert [orjson.loads(text) for text in shown] == answers


@every_event
def test_reference_has_the_event(name: str) -> None:
    """A live event's section has its name, what it tells, and the schema of what arrives."""
    event = REGISTRY.events[name]
    text = section(f"### {event['summary']}")
    assert text.startswith(f"\n`{name}`\n\n{event['description']}\n")
    shown = [whole(yaml.safe_load(block)) for block in code("yaml", text)]
    assert shown == [whole(param["schema"]) for param in event["params"]]


@every_event
def test_reference_tells_how_to_subscribe(name: str) -> None:
    """The message to send is there where one is needed, and nowhere else."""
    asked = f'{{"jsonrpc": "2.0", "method": "/subscribe", "params": [["{name}"]]}}\n'
    shown = code("json", section(f"### {REGISTRY.events[name]['summary']}"))
    assert (asked in shown) == REGISTRY.events[name]["x-subscribe"]


def test_reference_has_every_error() -> None:
    """The opening's table has every code there is, with its status and text."""
    rows = re.findall(
        r"^\| `(-?\d+)` \| (\d+)[^|]* \| (.*) \|$", section("## All errors"), re.MULTILINE
    )
    expected = [(int(code), status, text) for code, (status, text) in ANSWERS.items()]
    assert [(int(code), int(status), text) for code, status, text in rows] == expected


async def test_the_refusal_shown_is_one(root: Api) -> None:
    """The envelope that the opening shows is what a call with such an argument is answered."""
    _, shown = code("json", section("## Answers"))
    assert orjson.loads(shown) == envelope.document(await root.refusal("api-tokens/create", 17))


async def test_the_success_shown_is_one(root: Api) -> None:
    """The envelope that the opening shows is that of a call which answers nothing."""
    shown, _ = code("json", section("## Answers"))
    real = await root.success("settings/set-api-enabled", False)
    assert orjson.loads(shown.replace("…", "null")) == envelope.document(replace(real, meta={}))


def test_every_link_leads_to_its_section() -> None:
    """In the Markdown a link leads to the first heading of that name, and so to the right one."""
    headings = re.findall(r"^#+ (.*)$", REFERENCE, re.MULTILINE)
    links = re.findall(r"\[`?([^\]`]*)`?\]\(#(.*?)\)(?:: (.*))?", REFERENCE)
    assert len(links) > len(METHODS)
    for text, name, summary in links:
        assert [h for h in headings if slug(h) == name] == [summary or text]


# As npm's github-slugger makes them, which GitHub's own are tested against.
@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("List users, or read one", "list-users-or-read-one"),
        ("Read a token's permissions", "read-a-tokens-permissions"),
        ("api-tokens", "api-tokens"),
        ("Größe & Maß", "größe--maß"),
        ("a_b c-d", "a_b-c-d"),
        ("naïve — dash", "naïve--dash"),
        ("日本 語", "日本-語"),
        ("x.y/z", "xyz"),
    ],
)
def test_links_are_called_as_on_github(heading: str, name: str) -> None:
    """A heading's link is what GitHub makes of it."""
    assert slug(heading) == name


def test_one_module_alone() -> None:
    """A module's reference has its methods and events, what they refer to, and nothing else."""
    text = docs.markdown(REGISTRY, "1.2.3", URL, "users")
    told = re.findall(r"^`/v1/(.*)`$", text, re.MULTILINE)
    assert {name.split("/")[0] for name in told} == {"users"}
    assert ("Live events" in text, "### User\n" in text, "### Token\n" in text) == (
        False,
        True,
        False,
    )


@pytest.mark.parametrize("module", MODULES)
def test_every_link_of_a_module_leads_somewhere(module: str) -> None:
    """A module's reference needs no other page."""
    text = docs.markdown(REGISTRY, "1.2.3", URL, module)
    names = {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(.*?)\)", text)) <= names


def test_modules_are_in_order() -> None:
    """Every module has a chapter, below the opening."""
    chapters = re.findall(r"^## (.*)$", REFERENCE, re.MULTILINE)
    assert [chapter for chapter in chapters if chapter in MODULES] == MODULES


def test_code_cannot_end_its_block() -> None:
    """A fence in the code does not end the block."""
    assert fenced("sh", "```\nx").splitlines() == ["````sh", "```", "x", "````"]


def test_a_bar_is_no_border() -> None:
    """A bar in a cell does not make another one."""
    assert table(["a"], [["b|c"]]).splitlines()[2] == "| b\\|c |"
