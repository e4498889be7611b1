"""Bytes in → Request; Result → bytes out; one file per wire."""
