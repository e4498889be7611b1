"""Sign in."""

from app.call import Call, Kept, Row, Success
from app.errors import Code, Refusal

# Beyond these a user's oldest session ends.
MOST_SESSIONS = 100
NOBODY: Row = {"id": None, "password_hash": None, "session_epoch": None}
WRONG = "Authorization is required: the name or the password is wrong"


async def sign_in(call: Call, name: str, password: str) -> Success:
    """Begin a session; the answer is the one time its secret is shown.

    Raises:
        Refusal: the name or the password is wrong, nobody is told which; the user is disabled; or
            there were too many attempts to this name, or from this address.
    """
    accounts, secret = call.accounts, call.tokens.make_session()
    accounts.admit(name, call.address)
    try:
        row = await _begin(call, name, password, secret)
    except Refusal as refusal:
        if refusal.code is not Code.DELETED:  # too busy to tell whether the password was right
            accounts.forgive(name, call.address)
            raise
        row = None  # the user has just been deleted
    if row is None:
        raise Refusal(Code.AUTHORIZATION_REQUIRED, WRONG)
    accounts.forgive(name, call.address)
    if row["session_id"] is None:
        raise Refusal(Code.DISABLED, "Session is disabled: the user is disabled")
    kept = Kept(secret, int(accounts.longest.total_seconds()))
    return Success({**_shown(row), "token": secret}, session=kept)


async def _begin(call: Call, name: str, password: str, secret: str) -> Row | None:
    """The session of who has this name and password; as much work for nobody."""
    found = await call.row("_service/find_password", name=name) or NOBODY
    stored = found["password_hash"]
    is_right = await call.accounts.passwords.is_right(password, stored)
    return await call.row(
        "session/sign_in",
        user_id=found["id"],
        # Tells whether the password is still theirs; its hash may have been renewed meanwhile.
        verified_epoch=found["session_epoch"] if is_right else None,
        new_hash=await _renewed(call, stored, password) if is_right else None,
        digest=call.tokens.session_digests(secret)[0],
        idle=call.accounts.idle,
        most_sessions=MOST_SESSIONS,
        address=call.address,
    )


async def _renewed(call: Call, stored: str, password: str) -> str | None:
    """A hash to store in place of one that was made with other parameters than today's."""
    passwords = call.accounts.passwords
    return await passwords.hash(password) if passwords.is_outdated(stored) else None


def _shown(row: Row) -> Row:
    return {
        "user": {name: row[name] for name in ("id", "name", "root")},
        "permissions": row["permissions"],
        "session": {
            "id": row["session_id"],
            "created": row["created"],
            "expires": row["expires"],
        },
        "api_token": None,
    }
