"""The registry → documents for people and machines; pure."""

from app.docs.openrpc import openrpc as openrpc
from app.docs.table import methods_table as methods_table
