"""Redis as a cache that may be away. Throttles and hot lists are not worth a failed sign-in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

_LOG_EVERY_SECONDS = 30
# Nobody waits for a Redis that hangs again and again: after one failure it is left alone so long.
_LEFT_ALONE_SECONDS = 5
T = TypeVar("T")


class _OneClient(RedisCacheClient):
    """Django makes a Redis client for every command, which costs more than the command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._made: dict[bool, Any] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        if write not in self._made:
            self._made[write] = super().get_client(key, write=write)
        return self._made[write]


class ForgivingRedisCache(RedisCache):
    """Answers as an empty cache would while Redis is away, and says so in the log now and then."""

    _logged_at = float("-inf")
    _away_until = float("-inf")

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _OneClient

    def add(self, *args: Any, **kwargs: Any) -> bool:
        # True: whoever takes a lock or notes a first use goes on, as on an empty cache.
        return self._or(True, super().add, *args, **kwargs)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._or(default, super().get, key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._or(None, super().set, *args, **kwargs)

    def set_insisting(self, key: Any, value: Any, timeout: int) -> None:
        """Set even if Redis has just failed somebody: for what other processes must hear of."""
        ForgivingRedisCache._away_until = float("-inf")
        self.set(key, value, timeout=timeout)

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        return self._or(False, super().touch, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return self._or(False, super().delete, *args, **kwargs)

    def get_many(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        nothing: dict[Any, Any] = {}
        return self._or(nothing, super().get_many, *args, **kwargs)

    def has_key(self, *args: Any, **kwargs: Any) -> bool:
        return self._or(False, super().has_key, *args, **kwargs)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return self._or(delta, super().incr, key, delta, version)

    def set_many(self, *args: Any, **kwargs: Any) -> list[Any]:
        return self._or([], super().set_many, *args, **kwargs)

    def delete_many(self, *args: Any, **kwargs: Any) -> None:
        self._or(None, super().delete_many, *args, **kwargs)

    def _or(self, fallback: T, command: Callable[..., Any], *args: Any, **kwargs: Any) -> T:
        if is_away():
            return fallback
        try:
            result: T = command(*args, **kwargs)
        except (RedisError, OSError) as error:
            now = time.monotonic()
            ForgivingRedisCache._away_until = now + _LEFT_ALONE_SECONDS
            if now - ForgivingRedisCache._logged_at > _LOG_EVERY_SECONDS:
                ForgivingRedisCache._logged_at = now
                logger.warning("The cache is away (%s); going on without it.", type(error).__name__)
            return fallback
        return result


def is_away() -> bool:
    """Whether Redis has just failed somebody: then the queue on it need not be tried either."""
    return time.monotonic() < ForgivingRedisCache._away_until


def ping() -> None:
    """Raise where the cache is away: for the readiness check, which must not be forgiven."""
    cache = caches["default"]
    if isinstance(cache, RedisCache):
        cache._cache.get_client(None, write=True).ping()
    else:
        cache.get("ping")
