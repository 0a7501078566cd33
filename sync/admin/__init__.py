"""The console's pages about Airtable."""

from sync.admin import events, outbox, people, schema, tables

__all__ = ["events", "outbox", "people", "schema", "tables"]
