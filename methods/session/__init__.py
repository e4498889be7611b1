"""Methods on the session of a person who signs in."""
