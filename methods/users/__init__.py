"""Methods on users."""
