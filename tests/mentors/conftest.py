from __future__ import annotations

from tests.accounts.conftest import own_cache

__all__ = ["own_cache"]
