"""The methods: one file each, named as on the wire."""
