"""Views of the console's lists that people keep: filters, search and order under a name."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.models import SavedView, User
from accounts.refusals import Invalid, NotFound

LONGEST_NAME: Final = 60
MOST: Final = 40
# What is of the moment, and no part of a view.
_FLEETING: Final = ("p", "e", "all", "_popup", "_to_field", "_changelist_filters")


def views_of(person: User, page: str) -> QuerySet[SavedView]:
    """What this person sees above the list: their own views and those of others that are shared."""
    mine = Q(owner=person) | Q(is_shared=True)
    return SavedView.objects.filter(mine, page=page).select_related("owner").order_by("name", "id")


def keep(*, by: User, page: str, name: str, query: str, is_shared: bool) -> SavedView:
    """Keep what the list shows under a name. The same name again replaces one's own view of it.

    Raises Invalid, with a sentence for the field.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise Invalid(
            _("Give the view a name of at most %(n)s letters.") % {"n": LONGEST_NAME},
            fields={"name": [_("It needs a short name.")]},
        )
    own = SavedView.objects.filter(owner=by, page=page)
    if own.exclude(name__iexact=name).count() >= MOST:
        raise Invalid(_("You have %(n)s views of this list. Remove one first.") % {"n": MOST})
    kept: dict[str, Any] = {"name": name, "query": essence(query), "is_shared": is_shared}
    found = own.filter(name__iexact=name).first() or SavedView(owner=by, page=page)
    for attribute, value in kept.items():
        setattr(found, attribute, value)
    found.save()
    return found


def drop(*, by: User, page: str, view_id: int) -> None:
    """Remove one's own view. Raises NotFound for another's as for one that is not there."""
    done, _rows = SavedView.objects.filter(pk=view_id, owner=by, page=page).delete()
    if not done:
        raise NotFound


def essence(query: str) -> str:
    """The part of a query string that says which rows, in a fixed order."""
    given = QueryDict(query[:2000], mutable=True)
    for name in _FLEETING:
        given.pop(name, None)
    tidy = QueryDict(mutable=True)
    for name, values in sorted(given.lists()):
        tidy.setlist(name, [value for value in values if value])
    return tidy.urlencode()[:2000]
