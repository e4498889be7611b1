from typing import Final

import pytest

from app.token_format import make
from tests.conftest import MemberMaker
from tests.support import Api

BATCH: Final = "api-tokens/verify-batch"


async def test_answers_in_the_order_of_the_tokens(root: Api, member: MemberMaker) -> None:
    """Each as `verify` does, known or not."""
    alice, made = await member("alice"), await root("api-tokens/create", "ci")
    tokens = [made["token"], "junk", alice.token, make("apt"), made["token"]]
    answers = await root(BATCH, tokens)
    assert answers == [await root("api-tokens/verify", token) for token in tokens]
    assert [answer["valid"] for answer in answers] == [True, False, True, False, True]


async def test_options_are_for_each(root: Api) -> None:
    """Permissions and explanations."""
    made = await root("api-tokens/create", "ci", {"role": "read-only"})
    options = {"permissions": ["write"], "explain": True}
    weak, strong = await root(BATCH, [made["token"], root.token], options)
    assert (weak["code"], strong["code"]) == ("INSUFFICIENT_PERMISSIONS", "VALID")
    assert len(weak["checks"]) == len(strong["checks"]) == 7


async def test_a_hundred_that_nobody_has_asked_for(root: Api) -> None:
    """As many as there may be."""
    made = [await root("api-tokens/create", f"n{n}") for n in range(100)]
    answers = await root(BATCH, [each["token"] for each in made])
    assert [answer["name"] for answer in answers] == [each["name"] for each in made]


@pytest.mark.parametrize("tokens", [[], ["x"] * 101, [None], [["x"]], "x"], ids=repr)
async def test_refuses_what_is_no_list_of_up_to_a_hundred(root: Api, tokens: object) -> None:
    """Nothing is verified."""
    assert (await root.refusal(BATCH, tokens)).code == -32808


async def test_an_unknown_permission_is_refused(root: Api) -> None:
    """Once for all."""
    refusal = await root.refusal(BATCH, [root.token], {"permissions": ["x"]})
    assert refusal.code == 400
