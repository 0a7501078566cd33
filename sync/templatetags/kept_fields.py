"""Which fields of a profile the program keeps in its own lists, for the pages on which people edit them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django import template

from sync import guard
from sync.mappings import REGISTRY
from sync.mappings.base import AIRTABLE

register = template.Library()


@register.simple_tag
def kept_by_program(subject: str) -> frozenset[str]:
    """The fields of a "mentor" or "mentee" about which Airtable decides; none where there is no base.

    Named as the services and the forms call them.
    """
    if not guard.is_configured():
        return frozenset()
    [mapping] = [one for one in REGISTRY if one.subject == subject]
    return frozenset(field.argument for field in mapping.fields if field.authority is AIRTABLE)


@register.filter
def all_in(names: Iterable[str], kept: Collection[str]) -> bool:
    """Whether each of the names is kept by the program."""
    return all(name in kept for name in names)
