"""The console's pages about matching."""

from matching.admin import experiments, policies, requests

__all__ = ["experiments", "policies", "requests"]
