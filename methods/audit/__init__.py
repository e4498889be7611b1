"""Methods on the audit trail."""
