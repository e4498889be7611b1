"""Methods on what is set for the whole service."""
