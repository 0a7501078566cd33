"""The REST API of sessions and hours, one module a noun."""
