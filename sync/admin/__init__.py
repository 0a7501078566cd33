"""The console's pages about Airtable."""

from sync.admin import people, schema, tables

__all__ = ["people", "schema", "tables"]
