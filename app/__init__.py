"""api-tokens: a service that issues, manages and verifies API tokens."""
