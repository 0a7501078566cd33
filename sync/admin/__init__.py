"""The console's pages about Airtable."""

from sync.admin import tables

__all__ = ["tables"]
