"""The console's pages about matching."""

from matching.admin import policies, requests

__all__ = ["policies", "requests"]
