"""Request → Result: authenticate, find, validate, permit, run. No wire is known here."""

import logging
from dataclasses import dataclass, replace

from app.accounts import Accounts
from app.authentication import Authenticates
from app.call import ANONYMOUS, Call, Caller, Failure, Request, Result, Sql, Success
from app.errors import Code, NotHeld, Refusal
from app.permissions import PermissionRegistry
from app.receipts import Receipts
from app.registry import VERSION, Method, Registry
from app.token_format import Format
from app.verification import Verification

log = logging.getLogger("api_tokens")


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Runs calls. Whatever happens, a Result comes back.

    `receipts` is not there for who does not hear of changes itself: the command line.
    """

    authentication: Authenticates
    registry: Registry
    sql: Sql
    permissions: PermissionRegistry
    tokens: Format
    accounts: Accounts
    verification: Verification
    receipts: Receipts | None = None

    async def dispatch(self, request: Request, caller: Caller | None = None) -> Result:
        """Run one call; a `caller` known already (the command line's) is not asked again."""
        try:
            return await self._run(request, caller)
        except Refusal as refusal:
            return Failure.of(refusal)
        except Exception:
            # Its text may hold anything: it goes to the log and never to the caller.
            log.exception("request %s: %s failed", request.id, request.method)
            return Failure.of(Refusal(Code.INTERNAL))

    async def _run(self, request: Request, caller: Caller | None) -> Success:
        method = self.registry.methods.get(request.method)
        if method is not None and method.permission == "guest":
            # Nobody is asked who it is, lest a dead session bar its user from signing in.
            caller = caller or ANONYMOUS
        elif caller is None:
            who = self.authentication
            caller = who.kept(request.credentials) or await who.caller(request.credentials)
        if method is None:
            raise Refusal(Code.METHOD_NOT_FOUND)
        if caller.barred:
            raise caller.barred
        arguments = method.parameters.bind(request.arguments)
        if request.read_only and method.changes:
            raise Refusal(Code.VERB_NOT_ALLOWED)
        if not (caller.holds(method.permission) and caller.holds(request.permission)):
            raise _denied(caller)
        call = self._call(method, request, caller)
        try:
            answer = await method.function(call, *arguments)
        except NotHeld as refusal:
            action = method.name.removeprefix(VERSION)
            await call.row("_service/audit_refusal", action=action, permission=refusal.permission)
            raise
        success = answer if isinstance(answer, Success) else Success(answer)
        return await self._told(method, success) if method.changes else success

    async def _told(self, method: Method, success: Success) -> Success:
        """The answer to a call that changed something, once everybody knows who has to."""
        self.verification.made()
        if not (method.revokes and success.changed and self.receipts):
            return success
        receipt = await self.receipts.confirmed()
        return replace(success, meta={**success.meta, "propagated": receipt.shown()})

    def _call(self, method: Method, request: Request, caller: Caller) -> Call:
        return Call(  # by position: a class takes three times as long by name
            caller,
            request.address,
            self.sql,
            self.permissions,
            self.tokens,
            self.accounts,
            method.listing,
            lambda name: method.parameters.path(name, request.arguments),
            self.registry.shapes,
            self.verification,
        )


def _denied(caller: Caller) -> Refusal:
    """Without credentials the answer asks for some (401); with some, others would be needed."""
    return Refusal(Code.ACCESS_DENIED, status=401 if caller.user_id is None else 403)
