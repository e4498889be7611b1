"""Request → Result: authenticate, find, validate, permit, run. No wire is known here."""

import logging
from dataclasses import dataclass

from app.accounts import Accounts
from app.authentication import Authenticates
from app.call import ANONYMOUS, Call, Caller, Failure, Request, Result, Sql, Success
from app.errors import Code, NotHeld, Refusal
from app.permissions import PermissionRegistry
from app.registry import VERSION, Method, Registry
from app.token_format import Format

log = logging.getLogger("api_tokens")


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Runs calls. Whatever happens, a Result comes back."""

    authentication: Authenticates
    registry: Registry
    sql: Sql
    permissions: PermissionRegistry
    tokens: Format
    accounts: Accounts

    async def dispatch(self, request: Request, caller: Caller | None = None) -> Result:
        """Run one call; a `caller` known already (the command line's) is not asked again."""
        try:
            return await self._run(request, caller or await self._caller(request))
        except Refusal as refusal:
            return Failure.of(refusal)
        except Exception:
            # Its text may hold anything: it goes to the log and never to the caller.
            log.exception("request %s: %s failed", request.id, request.method)
            return Failure.of(Refusal(Code.INTERNAL))

    async def _caller(self, request: Request) -> Caller:
        """Who calls; not asked for guests, lest a dead session bar its user from signing in."""
        method = self.registry.methods.get(request.method)
        if method and method.permission == "guest":
            return ANONYMOUS
        return await self.authentication.caller(request.credentials)

    async def _run(self, request: Request, caller: Caller) -> Success:
        method = self._find(request)
        if caller.barred:
            raise caller.barred
        arguments = method.parameters.bind(request.arguments)
        if request.read_only and method.changes:
            raise Refusal(Code.VERB_NOT_ALLOWED)
        _permit(method, caller)
        call = self._call(method, request, caller)
        try:
            answer = await method.function(call, *arguments)
        except NotHeld as refusal:
            action = method.name.removeprefix(VERSION)
            await call.row("_service/audit_refusal", action=action, permission=refusal.permission)
            raise
        return answer if isinstance(answer, Success) else Success(answer)

    def _find(self, request: Request) -> Method:
        method = self.registry.methods.get(request.method)
        if method is None:
            raise Refusal(Code.METHOD_NOT_FOUND)
        return method

    def _call(self, method: Method, request: Request, caller: Caller) -> Call:
        return Call(
            caller=caller,
            address=request.address,
            sql=self.sql,
            permissions=self.permissions,
            tokens=self.tokens,
            accounts=self.accounts,
            listing=method.listing,
            place=lambda name: method.parameters.path(name, request.arguments),
            shapes=self.registry.shapes,
        )


def _permit(method: Method, caller: Caller) -> None:
    if caller.holds(method.permission):
        return
    # Without credentials the answer asks for some (401); with some, others would be needed (403).
    raise Refusal(Code.ACCESS_DENIED, status=401 if caller.user_id is None else 403)
