"""Verify many API tokens."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from app.call import Call


async def verify_batch(
    call: Call, tokens: Sequence[str], options: Mapping[str, Any] | None = None
) -> list[Mapping[str, Any]]:
    """Tell of each token what `verify` tells, in the order given; those not known are one query.

    Raises:
        Refusal: a permission that is asked for is unknown.
    """
    options = options or {}
    permissions = call.wanted(options)
    verify = call.verification.verified
    verdicts = await asyncio.gather(*(verify(token, permissions) for token in tokens))
    explain = options.get("explain")
    return [verdict.explained() if explain else verdict.shown() for verdict in verdicts]
