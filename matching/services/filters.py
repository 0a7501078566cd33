"""Who may appear in an answer at all: the hard rules, and what the asker limits it to."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.refusals import Invalid
from matching.selectors import Eligible, WhoMayBeFound
from mentors import selectors as people
from mentors.models import Mentee, Mentor
from sessions_app.models import AvailabilityWindow

SLOTS_WITHIN: Final = timedelta(days=14)
LONGEST_SPAN: Final = timedelta(days=62)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Hard limits. Within one filter any value will do; every filter must hold.

    `available_from` and `available_to` (half-open): the mentor has an open start in between.
    """

    industries: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    expertise: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    available_from: datetime | None = None
    available_to: datetime | None = None

    @property
    def wants_time(self) -> bool:
        return self.available_from is not None or self.available_to is not None

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """The period to be free in; from now, and for 14 days, where it is left open."""
        first = max(self.available_from or now, now)
        last = self.available_to or first + SLOTS_WITHIN
        if (self.available_to or last) <= (self.available_from or first):
            raise Invalid(
                _("The end of the period must come after its start."),
                fields={"available_to": [_("This must be later than available_from.")]},
            )
        if last - first > LONGEST_SPAN:
            raise Invalid(
                _("A period may span 62 days at most."),
                fields={"available_to": [_("At most 62 days after available_from.")]},
            )
        return first, last

    def as_json(self) -> dict[str, Any]:
        """Only what was asked for."""
        values = {
            "industries": list(self.industries),
            "stages": list(self.stages),
            "expertise": list(self.expertise),
            "languages": list(self.languages),
            "available_from": self.available_from and self.available_from.isoformat(),
            "available_to": self.available_to and self.available_to.isoformat(),
        }
        return {name: value for name, value in values.items() if value}


def eligible_for(
    user: User, filters: Filters, now: datetime, *, without: Collection[UUID] = ()
) -> QuerySet[Mentor]:
    """The hard rules: active, visible to this person, not blocked, not themselves, every filter.

    Args:
        without: mentors who are left out besides.
    """
    mentee = mentee_of(user)
    if mentee is None or user.is_program_manager:
        seen = people.visible_to(user)
    else:
        seen = people.shown_to(mentee)
    found = people.filtered(
        seen,
        industries=filters.industries,
        stages=filters.stages,
        expertise=filters.expertise,
        languages=filters.languages,
    ).filter(is_active=True, user__status=User.Status.ACTIVE)
    if mentee is not None and user.is_program_manager:
        found = found.exclude(blocks__mentee=mentee).exclude(user=user)
    if filters.wants_time:
        first, last = filters.span(now)
        windows = AvailabilityWindow.objects.filter(
            mentor=OuterRef("pk"), is_active=True, starts_at__lt=last, ends_at__gt=first
        )
        found = found.filter(Exists(windows))
    return found.exclude(pk__in=sorted(without)) if without else found


def who_may_be_found(
    user: User, filters: Filters, now: datetime, *, without: Collection[UUID] = ()
) -> WhoMayBeFound:
    """`eligible_for` as a search takes it."""
    mentee = mentee_of(user)
    if mentee is None or user.is_program_manager or filters.wants_time or without:
        return Eligible(eligible_for(user, filters, now, without=without))
    return _ForFounder(mentee, filters)


@dataclass(frozen=True, slots=True)
class _ForFounder:
    """Who is eligible for a founder, in SQL that is worked out once for all founders.

    It differs by two ids alone, and working it out takes as long as reading the mentors who are shown.
    """

    mentee: Mentee
    filters: Filters

    def sql(self) -> tuple[str, dict[str, Any]]:
        sql, params = _for_anybody(self.filters)
        own = {_ANYBODY: self.mentee.pk, _THEIR_USER: self.mentee.user_id}
        return sql, {k: own.get(v, v) if isinstance(v, UUID) else v for k, v in params.items()}


# Stand for the founder in what is worked out for all of them.
_ANYBODY, _THEIR_USER = uuid4(), uuid4()


@functools.lru_cache(maxsize=256)
def _for_anybody(filters: Filters) -> tuple[str, dict[str, Any]]:
    user = User(pk=_THEIR_USER, role=User.Role.MENTEE)
    user.mentee = Mentee(pk=_ANYBODY, user=user)
    # Without a wish for a time, the time of the question is not in it.
    return Eligible(eligible_for(user, filters, datetime.max.replace(tzinfo=UTC))).sql()


def mentee_of(user: User) -> Mentee | None:
    """Their mentee profile, if they have one."""
    # The reverse side of a one-to-one: read once and kept on the user.
    return getattr(user, "mentee", None)


def asks_for_a_match(user: User) -> bool:
    """Whether matches are for them: mentees, also those without a profile yet, and program managers."""
    return mentee_of(user) is not None or user.is_program_manager or user.role == User.Role.MENTEE
