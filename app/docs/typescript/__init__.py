"""The registry → the TypeScript types of api.js, which the service has as /api.d.ts."""

from app.docs.typescript.document import typescript as typescript
