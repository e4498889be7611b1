"""Methods on how the service is used."""
