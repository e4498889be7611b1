"""A client of the older console API, in short: what it sends and what it is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from multidict import CIMultiDict, CIMultiDictProxy

from app.console_api import BASE, ENDPOINTS
from app.wire import console_v1
from app.wire.http import Answer, Received
from tests.support import Api

FORM: Final = "application/x-www-form-urlencoded"
# Fields, each with its value, or those that are given more than once.
Given = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Keys:
    """Calls the API with a key, unless it is told to show none (None)."""

    api: Api
    key: str | None

    async def answer(
        self,
        name: str,
        form: Given = (),
        *,
        query: Given = (),
        verb: str | None = None,
        **headers: str,
    ) -> Answer:
        """What an endpoint answers, "auth_token/add" say; the key stands in the query."""
        path = f"{BASE}/{name}"
        asked = [*(dict(query).items() if isinstance(query, Mapping) else query)]
        if self.key is not None:
            asked.append(("auth_token", self.key))
        shown = {n.replace("_", "-"): value for n, value in headers.items()}
        received = Received(
            verb or ENDPOINTS[path].verb,
            path,
            CIMultiDictProxy(CIMultiDict({"Content-Type": FORM, "Host": "tokens.test", **shown})),
            urlencode(form).encode(),
            "192.0.2.1",
            urlencode(asked),
        )
        return await console_v1.answer(self.api.services.dispatcher, received, "r-1")

    async def told(self, name: str, form: Given = (), **given: Any) -> dict[str, Any]:
        """The document of an answer that is a success, without saying that it is one."""
        answered = await self.answer(name, form, **given)
        document: dict[str, Any] = orjson.loads(answered.body)
        assert (answered.status, document.pop("result")) == (200, "success"), document
        return document

    async def refused(self, name: str, form: Given = (), **given: Any) -> tuple[int, str]:
        """Status and message of a refusal."""
        answered = await self.answer(name, form, **given)
        document = orjson.loads(answered.body)
        assert document == {"message": document["message"], "result": "error"}
        return answered.status, str(document["message"])

    async def add(self, note: str = "ci", auth_token_type: str = "read-only") -> dict[str, Any]:
        """The new key."""
        given = {"note": note, "auth_token_type": auth_token_type}
        key: dict[str, Any] = (await self.told("auth_token/add", given))["global_api_key"]
        return key

    async def listed(self) -> dict[str, dict[str, Any]]:
        """Every key, by its note."""
        keys = (await self.told("auth_token/list"))["global_api_keys"]
        return {key["note"]: key for key in keys}

    def bearing(self, key: str | None) -> "Keys":
        """The same with another key."""
        return Keys(self.api, key)
