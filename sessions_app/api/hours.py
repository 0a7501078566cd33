"""What a mentor's windows are made from, and the sessions that they no longer carry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from mentors.models import Mentor
from sessions_app import services
from sessions_app.api.caller import caller, mentor_of_hours
from sessions_app.selectors import displaced
from sessions_app.selectors.hours import hours_of
from sessions_app.serializers.hours import (
    DecisionsSerializer,
    DisplacedSerializer,
    HoursRequestSerializer,
    HoursSerializer,
    OrphanedSerializer,
)
from sessions_app.serializers.shared import RefusalSerializer
from sessions_app.services.displaced import conflicts_as_data


class WeeklyHoursView(APIView):
    """A mentor's weekly hours, dates that differ and time away; for the mentor and program managers.

    Windows are made from these as far ahead as the mentor can be booked.
    """

    @extend_schema(operation_id="hours_get", responses=HoursSerializer)
    def get(self, request: Request, mentor_id: UUID) -> Response:
        return _answer(mentor_of_hours(caller(request), mentor_id))

    @extend_schema(
        operation_id="hours_replace",
        request=HoursRequestSerializer,
        responses={
            200: HoursSerializer,
            400: RefusalSerializer,
            403: RefusalSerializer,
            409: OrphanedSerializer,
        },
    )
    def put(self, request: Request, mentor_id: UUID) -> Response:
        user = caller(request)
        mentor = mentor_of_hours(user, mentor_id)
        form = HoursRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return _answer(
            services.set_hours(
                mentor_id=mentor.pk,
                by=user,
                clock=timezone.now,
                decisions=form.decisions_made(),
                **form.specs(),
            )
        )


class DisplacedView(APIView):
    """Booked sessions that the mentor's hours no longer carry. They take place until somebody decides."""

    @extend_schema(operation_id="displaced_list", responses=DisplacedSerializer)
    def get(self, request: Request, mentor_id: UUID) -> Response:
        mentor = mentor_of_hours(caller(request), mentor_id)
        return Response(DisplacedSerializer({"displaced": _displaced(mentor)}).data)

    @extend_schema(
        operation_id="displaced_decide",
        parameters=[IDEMPOTENCY_KEY],
        request=DecisionsSerializer,
        responses={
            200: DisplacedSerializer,
            400: RefusalSerializer,
            409: RefusalSerializer,
            422: RefusalSerializer,
        },
    )
    @idempotent
    def post(self, request: Request, mentor_id: UUID) -> Response:
        user = caller(request)
        mentor = mentor_of_hours(user, mentor_id)
        form = DecisionsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.decide_displaced(
            mentor_id=mentor.pk, decisions=form.decisions_made(), by=user, clock=timezone.now
        )
        return Response(DisplacedSerializer({"displaced": _displaced(mentor)}).data)


def _answer(mentor: Mentor) -> Response:
    hours = hours_of(mentor, now=timezone.now())
    body: dict[str, Any] = {
        "time_zone": mentor.user.zone.key,
        "weekly": hours.weekly,
        "exceptions": hours.exceptions,
        "away": hours.away,
        "holidays": [{"date": row.date, "name": row.name} for row in hours.holidays],
        "displaced": _displaced(mentor),
    }
    return Response(HoursSerializer(body).data)


def _displaced(mentor: Mentor) -> list[dict[str, Any]]:
    now = timezone.now()
    rows = displaced.displaced_sessions(mentor=mentor, now=now)
    others = displaced.alternatives(rows, mentor=mentor, now=now)
    return conflicts_as_data(rows, others=others)
