"""The console's pages about Airtable."""

from sync.admin import schema, tables

__all__ = ["schema", "tables"]
