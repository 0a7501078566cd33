"""The three reads that can be answered from either side (see `sync/rollout`). Everything else about
them, who may ask, their parameters, their shape, is the lower room's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.response import Response

from accounts.models import User
from accounts.refusals import NotFound
from matching import services as matching
from matching.api import MentorListView, OpenedMentorView
from mentors.models import Mentor
from mentors.serializers import MentorCardSerializer
from sessions_app.api.availability import AvailabilityView
from sessions_app.models import AvailabilityWindow
from sessions_app.serializers.availability import WindowSerializer
from sync.rollout import shadow, there
from sync.rollout.flags import Mode, flag_of
from sync.rollout.models import Endpoint


class EitherMentorListView(MentorListView):
    """The mentors you may see, from the side that the rollout says."""

    def answer(
        self, viewer: User, query: str, filters: matching.Filters, *, now: datetime
    ) -> Response:
        flag = flag_of(Endpoint.MENTOR_LIST)
        if flag.mode == Mode.PRIMARY:
            return super().answer(viewer, query, filters, now=now)
        ours = None
        if shadow.is_sampled(flag):
            ours = super().answer(viewer, query, filters, now=now).data
            self._paginator = self.pagination_class()  # the other one is in the middle of our list
        theirs = self._there(viewer, query, filters, now)
        if ours is not None:
            _compare_lists(theirs.data, ours, now)
        return theirs

    def _there(
        self, viewer: User, query: str, filters: matching.Filters, now: datetime
    ) -> Response:
        listed = there.listed(viewer, filters, now)
        if query:
            # What fits a question is known here alone; who is shown, and how, says Airtable.
            found = matching.browse_by_relevance(query=query, user=viewer, filters=filters, now=now)
            seen = set(listed.filter(pk__in=[m.pk for m in found]).values_list("pk", flat=True))
            cards = self._cards(there.overlaid([m for m in found if m.pk in seen]))
            return Response({"next": None, "previous": None, "results": cards})
        page = there.overlaid(self._page(listed))
        free = matching.only_free(page, user=viewer, filters=filters, now=now)
        return self.get_paginated_response(self._cards(free))


class EitherMentorCardView(OpenedMentorView):
    """A mentor's card, from the side that the rollout says."""

    def card(self, viewer: User, mentor_id: UUID) -> dict[str, Any]:
        flag = flag_of(Endpoint.MENTOR_CARD)
        if flag.mode == Mode.PRIMARY:
            return super().card(viewer, mentor_id)
        theirs = _card_there(viewer, mentor_id)
        if shadow.is_sampled(flag):
            ours = self._card_here(viewer, mentor_id)
            shadow.compare(
                Endpoint.MENTOR_CARD,
                lambda: _of_cards(mentor_id, theirs, ours),
                now=timezone.now(),
            )
        if theirs is None:
            raise NotFound
        return theirs

    def _card_here(self, viewer: User, mentor_id: UUID) -> dict[str, Any] | None:
        try:
            return super().card(viewer, mentor_id)
        except NotFound:
            return None


class EitherAvailabilityView(AvailabilityView):
    """A mentor's windows, from the side that the rollout says. They are always saved here."""

    def windows(
        self, mentor: Mentor, first: datetime, last: datetime
    ) -> Iterable[AvailabilityWindow]:
        flag = flag_of(Endpoint.AVAILABILITY)
        if flag.mode == Mode.PRIMARY:
            return super().windows(mentor, first, last)
        theirs = there.windows(mentor, first, last)
        if shadow.is_sampled(flag):
            ours = list(super().windows(mentor, first, last))
            shadow.compare(
                Endpoint.AVAILABILITY,
                lambda: shadow.of_bodies(mentor.pk, _by_id(theirs), _by_id(ours)),
                now=timezone.now(),
            )
        return theirs


def _card_there(viewer: User, mentor_id: UUID) -> dict[str, Any] | None:
    try:
        mentor = there.mentor_for(user=viewer, mentor_id=mentor_id)
    except NotFound:
        return None
    return dict(MentorCardSerializer(mentor).data)


def _of_cards(
    mentor_id: UUID, theirs: dict[str, Any] | None, ours: dict[str, Any] | None
) -> Iterable[shadow.Difference]:
    if theirs is None or ours is None:
        if theirs is not ours:
            yield shadow.Difference(
                mentor_id, "(shown)", there=theirs is not None, here=ours is not None
            )
        return
    yield from shadow.of_bodies(mentor_id, theirs, ours)


def _compare_lists(theirs: dict[str, Any], ours: dict[str, Any], now: datetime) -> None:
    shadow.compare(
        Endpoint.MENTOR_LIST,
        lambda: shadow.of_lists(
            theirs["results"],
            ours["results"],
            there_goes_on=theirs["next"] is not None,
            here_goes_on=ours["next"] is not None,
        ),
        now=now,
    )


def _by_id(windows: Iterable[AvailabilityWindow]) -> dict[str, Any]:
    """Windows as fields of their mentor's answer, so that a missing one is told by its id."""
    bodies = WindowSerializer(list(windows), many=True).data
    return {f"window {body['id']}": body for body in bodies}
