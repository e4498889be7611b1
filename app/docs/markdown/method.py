"""One method → its section: how to call it, what it takes, what it answers."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.docs.headings import link
from app.docs.markdown.blocks import fenced, table
from app.docs.markdown.calls import curl_call, javascript_call
from app.docs.markdown.literals import JSON
from app.docs.markdown.schemas import Shown
from app.docs.refusals import refusals
from app.errors import ANSWERS, RETRY_AFTER, Code
from app.registry import Method

_PERMISSIONS: Final = {
    "guest": "`guest`: anybody may call it, without credentials.",
    "user": "`user`: anybody signed in or with a good token.",
}
_PROPAGATED: Final = """\
It comes when every process has confirmed that it no longer goes by what was before:
`meta.propagated` has their number (`processes`) and how long that took (`ms`). If some have not
within a second, `pending` is how many; those stop by themselves within 3 seconds."""


def method_section(method: Method, shown: Shown, url: str) -> Iterator[str]:
    """The blocks of the section."""
    schema = method.schema
    first, *others = schema["examples"]
    yield f"### {schema['summary']}"
    yield f"`{method.name}`"
    yield schema["description"]
    yield from _calls(method, first, url)
    yield "#### Permission"
    yield _PERMISSIONS.get(method.permission, f"`{method.permission}`")
    yield "#### Parameters"
    yield from _parameters(schema["params"], shown)
    yield "#### Result"
    yield _described(schema["result"])
    yield from schema_blocks(schema["result"]["schema"], shown)
    if method.revokes:
        yield _PROPAGATED
    yield "#### Errors"
    yield table(("code", "HTTP status", "text"), map(_refusal, refusals(method)))
    yield "#### Examples"
    yield f"**{first['name']}**, as called above. `data` of the answer:"
    yield fenced("json", JSON.written(first["result"]["value"]))
    for example in others:
        yield f"**{example['name']}**"
        yield from _calls(method, example, url)
        yield "`data` of the answer:"
        yield fenced("json", JSON.written(example["result"]["value"]))


def schema_blocks(schema: Mapping[str, Any], shown: Shown) -> Iterator[str]:
    """A schema as YAML, and where to find those that it names."""
    yield fenced("yaml", shown.yaml(schema))
    names = shown.named(schema)
    if names:
        yield f"With {', '.join(map(link, names))}."


def _calls(method: Method, example: Mapping[str, Any], url: str) -> Iterator[str]:
    yield fenced("js", javascript_call(method, example))
    yield fenced("sh", curl_call(method, example, url))


def _parameters(params: list[Mapping[str, Any]], shown: Shown) -> Iterator[str]:
    if not params:
        yield "None."
    for param in params:
        need = "[required]" if param.get("required") else "[not required]"
        yield f"`{param['name']}` `{need}` {param.get('summary', '')}".rstrip()
        yield from schema_blocks(param["schema"], shown)


def _described(result: Mapping[str, Any]) -> str:
    """What the result is, by its name where that says it."""
    return str(result.get("summary") or f"`{result['name']}`")


def _refusal(refusal: tuple[Code, str]) -> tuple[str, str, str]:
    code, text = refusal
    return f"`{int(code)}`", status(code), text


def status(code: Code) -> str:
    """The HTTP status of a refusal, marked if it says when to come back."""
    shown = f"{ANSWERS[code][0]}{' *' if code in RETRY_AFTER else ''}"
    return f"{shown}, without credentials 401" if code is Code.ACCESS_DENIED else shown
