"""The whole product beside an Airtable that misbehaves, and what must be true once all is quiet."""
