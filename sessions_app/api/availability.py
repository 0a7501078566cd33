from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from accounts.times import PERIOD, period
from mentors.models import Mentee, Mentor
from mentors.selectors import mentor_for
from sessions_app import selectors, services
from sessions_app.api.caller import caller, mentor_of_hours
from sessions_app.models import AvailabilityWindow
from sessions_app.serializers.availability import (
    ConflictCheckSerializer,
    ConflictsSerializer,
    SlotsSerializer,
    WantedStartSerializer,
    WhySerializer,
    WindowListSerializer,
    WindowSerializer,
    WindowsSerializer,
)
from sessions_app.serializers.shared import RefusalSerializer
from sessions_app.services.rules import slots_as_data
from sessions_app.slots import minute, why_empty


class AvailabilityView(APIView):
    """A mentor's windows in a period; the mentor and program managers replace the future ones."""

    @extend_schema(
        operation_id="availability_get", parameters=PERIOD, responses=WindowListSerializer
    )
    def get(self, request: Request, mentor_id: UUID) -> Response:
        user = caller(request)
        mentor = mentor_for(user=user, mentor_id=mentor_id)
        first, last = period(request, now=timezone.now())
        return self._answer(self.windows(mentor, first, last))

    def windows(
        self, mentor: Mentor, first: datetime, last: datetime
    ) -> Iterable[AvailabilityWindow]:
        """What is shown. Where it is read from may be decided above (sync/api.py)."""
        return selectors.windows_of(mentor, first=first, last=last)

    @extend_schema(
        operation_id="availability_replace",
        request=WindowsSerializer,
        responses={200: WindowListSerializer, 400: RefusalSerializer, 409: RefusalSerializer},
    )
    def put(self, request: Request, mentor_id: UUID) -> Response:
        user = caller(request)
        mentor = mentor_of_hours(user, mentor_id)
        form = WindowsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return self._answer(
            services.replace_windows(
                mentor_id=mentor.pk,
                specs=form.specs(),
                force=form.validated_data["force"],
                decisions=form.decisions_made(),
                by=user,
                clock=timezone.now,
            )
        )

    def _answer(self, windows: Any) -> Response:
        rows: list[AvailabilityWindow] = list(windows)
        return Response({"windows": WindowSerializer(rows, many=True).data})


class ConflictsView(APIView):
    """Which booked sessions a set of windows would leave outside, before it is saved."""

    @extend_schema(
        operation_id="availability_check_conflicts",
        parameters=[IDEMPOTENCY_KEY],
        request=ConflictCheckSerializer,
        responses={200: ConflictsSerializer, 400: RefusalSerializer, 403: RefusalSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        form = ConflictCheckSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        mentor = mentor_of_hours(caller(request), form.validated_data["mentor"])
        conflicts = services.conflicts_of(
            mentor_id=mentor.pk, specs=form.specs(), now=timezone.now()
        )
        return Response(ConflictsSerializer({"conflicts": conflicts}).data)


class WhyView(APIView):
    """Whether one start can be booked; if not, which rule closes it, and the nearest open ones."""

    @extend_schema(
        operation_id="availability_why",
        parameters=[OpenApiParameter("at", OpenApiTypes.DATETIME, required=True)],
        responses={200: WhySerializer, 400: RefusalSerializer, 404: RefusalSerializer},
    )
    def get(self, request: Request, mentor_id: UUID) -> Response:
        user = caller(request)
        mentor = mentor_for(user=user, mentor_id=mentor_id)
        wanted = WantedStartSerializer(data={"at": request.query_params.get("at")})
        wanted.is_valid(raise_exception=True)
        viewer = Mentee.objects.filter(user=user).first()
        answer = services.why_not(
            mentor=mentor, mentee=viewer, starts_at=wanted.validated_data["at"], now=timezone.now()
        )
        return Response(WhySerializer(answer).data)


class SlotsView(APIView):
    """A mentor's open starts in a period. When there are none, `why_empty` says which rule it was."""

    @extend_schema(operation_id="availability_slots", parameters=PERIOD, responses=SlotsSerializer)
    def get(self, request: Request, mentor_id: UUID) -> Response:
        user = caller(request)
        mentor = mentor_for(user=user, mentor_id=mentor_id)
        now = timezone.now()
        first, last = period(request, now=now)
        viewer = Mentee.objects.filter(user=user).first()
        slots = selectors.open_slots(
            mentor_ids=[mentor.pk], viewer=viewer, first=first, last=last, now=now
        )[mentor.pk]
        body: dict[str, Any] = {"slots": slots_as_data(slots)}
        if not slots:
            calendar = selectors.calendars(
                mentors=[mentor], first=first, last=last, now=now, viewer=viewer
            )[mentor.pk]
            body["why_empty"] = why_empty(
                calendar, now=now, first=minute(first), last=minute(last)
            ).code
        return Response(SlotsSerializer(body).data)
