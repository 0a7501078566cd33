"""Addresses of our pages as Django's `reverse` gives them, each looked up once.

A page has dozens of them, a list five for each person, and what a page is called does not change while the
product runs. Ids stand in for one another: an address with an id is looked up once for all ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.urls import get_script_prefix, get_urlconf, reverse


def address(name: str, *args: Any, current_app: str | None = None) -> str:
    """Where the page of that name is. Raises NoReverseMatch.

    Args:
        args: ids and words of the address, in their order.
        current_app: as `reverse` takes it.
    """
    shape = tuple(_some_id(n) if type(arg) is UUID else arg for n, arg in enumerate(args))
    found = _looked_up(name, shape, current_app, get_urlconf(), get_script_prefix())
    return _with_ids(found, shape, args)


def _with_ids(found: str, shape: Sequence[Any], args: Sequence[Any]) -> str:
    for stand_in, arg in zip(shape, args, strict=True):
        if type(arg) is UUID:
            found = found.replace(str(stand_in), str(arg))
    return found


@lru_cache(maxsize=16)
def _some_id(place: int) -> UUID:
    """Stands for whatever id is at that place; of no person or session, which are random."""
    return UUID(int=place)


@lru_cache(maxsize=2048)
def _looked_up(
    name: str, args: tuple[Any, ...], current_app: str | None, urlconf: Any, prefix: str
) -> str:
    del urlconf, prefix  # which `reverse` reads for itself: they tell addresses apart
    return reverse(name, args=args, current_app=current_app)
