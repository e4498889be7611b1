"""The OpenAPI document as tests read it."""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from app import docs
from tests.examples import REGISTRY

DOCUMENT: Final = orjson.loads(orjson.dumps(docs.openapi(REGISTRY, "1.2.3")))
PATHS: Final = DOCUMENT["paths"]
SCHEMAS: Final = DOCUMENT["components"]["schemas"]


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Verb, path and operation of all there are."""
    for path, item in PATHS.items():
        for verb in item.keys() & {"get", "head", "post"}:
            yield verb, path, item[verb]


def answer(path: str, verb: str, status: int) -> dict[str, Any]:
    """What the document says of an answer."""
    told: dict[str, Any] = PATHS[path][verb]["responses"][str(status)]
    name = told.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["responses"][name] if name else told


def answer_schema(path: str, verb: str, status: int) -> dict[str, Any]:
    """The schema of an answer in JSON."""
    found: dict[str, Any] = answer(path, verb, status)["content"]["application/json"]["schema"]
    return found
