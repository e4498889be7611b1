"""Usage: how tokens are used, counted in memory while calls run, and written beside them."""

from app.usage.counting import Usage
from app.usage.writing import recording

__all__ = ["Usage", "recording"]
