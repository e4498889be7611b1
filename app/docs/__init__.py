"""The registry → documents for people and machines; pure."""

from app.docs.markdown import markdown as markdown
from app.docs.openapi import openapi as openapi
from app.docs.openrpc import URL as URL
from app.docs.openrpc import openrpc as openrpc
from app.docs.page import page as page
from app.docs.table import methods_table as methods_table
from app.docs.typescript import typescript as typescript
