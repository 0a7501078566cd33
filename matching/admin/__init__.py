"""The console's pages about matching."""

from matching.admin import experiments, market, policies, requests

__all__ = ["experiments", "market", "policies", "requests"]
