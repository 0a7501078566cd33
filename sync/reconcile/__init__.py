"""Comparing every record with what is here: nightly, on demand, and for the first load."""
