"""The console's pages about Airtable."""

from sync.admin import conflicts, events, outbox, people, reconcile, rollout, schema, tables

__all__ = [
    "conflicts",
    "events",
    "outbox",
    "people",
    "reconcile",
    "rollout",
    "schema",
    "tables",
]
