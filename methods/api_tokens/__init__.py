"""Methods on API tokens."""
