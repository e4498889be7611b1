"""The registry → an OpenAPI 3.1 document of all that travels over HTTP."""

from app.docs.openapi.document import openapi as openapi
