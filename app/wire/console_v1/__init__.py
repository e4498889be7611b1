"""The older console REST API: requests → calls of methods, Results → its JSON. Decides nothing."""

from app.wire.console_v1.adapter import answer as answer
from app.wire.console_v1.answers import refused as refused
