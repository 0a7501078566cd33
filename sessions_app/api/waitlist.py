from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import CursorPages
from accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from sessions_app import services
from sessions_app.api.caller import caller, mentee_of
from sessions_app.models import WaitlistEntry
from sessions_app.selectors import waitlist as lines
from sessions_app.serializers.sessions import SessionSerializer
from sessions_app.serializers.shared import RefusalSerializer
from sessions_app.serializers.waitlist import (
    HoldListSerializer,
    HoldRequestSerializer,
    HoldSerializer,
    JoinSerializer,
    PlaceSerializer,
)

MENTOR = "6c1f0d3c-8a5e-4a43-9a7c-0f6a3c0f8c11"
PLACE = {
    "id": "0f4f3f0a-3f65-4c0e-9d7b-5d1d6a1f2b33",
    "mentor": {"id": MENTOR, "name": "Bob Mentor"},
    "mentee": {"id": "3b1c9f0e-5d43-4f0f-8f3c-9d9b1e5c7a21", "name": "Alice Founder"},
    "wanted_from": "2026-12-07T00:00:00Z",
    "wanted_until": "2026-12-12T00:00:00Z",
    "goal": "Which of these eight funds would you ask first?",
    "state": "offered",
    "position": 1,
    "offer": {
        "id": "c7a8b6f4-58a5-4c7c-9b5d-2f7f4c0a9e10",
        "starts_at": "2026-12-08T13:30:00Z",
        "ends_at": "2026-12-08T14:00:00Z",
        "expires_at": "2026-12-07T21:15:00Z",
    },
    "created_at": "2026-12-01T09:00:00Z",
}
HOLD = {
    "id": "c7a8b6f4-58a5-4c7c-9b5d-2f7f4c0a9e10",
    "mentor": {"id": MENTOR, "name": "Bob Mentor"},
    "starts_at": "2026-12-08T13:30:00Z",
    "ends_at": "2026-12-08T14:00:00Z",
    "expires_at": "2026-12-07T09:10:00Z",
    "state": "live",
    "waitlist_entry": None,
    "created_at": "2026-12-07T09:00:00Z",
}


class PlacePages(CursorPages):
    ordering = ("created_at", "id")


class WaitlistView(ListAPIView[WaitlistEntry]):
    """The lines you wait in, with what is offered to you; and joining one. Program managers see all."""

    serializer_class = PlaceSerializer
    pagination_class = PlacePages
    queryset = WaitlistEntry.objects.none()

    def get_queryset(self) -> Any:
        places = lines.places_for(caller(self.request)).filter(state__in=lines.IN_LINE)
        return lines.with_offers(places, now=timezone.now())

    @extend_schema(
        operation_id="waitlist_join",
        request=JoinSerializer,
        responses={
            201: PlaceSerializer,
            200: PlaceSerializer,
            400: RefusalSerializer,
            403: RefusalSerializer,
            404: RefusalSerializer,
            409: RefusalSerializer,
        },
        parameters=[IDEMPOTENCY_KEY],
        examples=[
            OpenApiExample(
                "Wait for a time that week",
                value={
                    "mentor": MENTOR,
                    "wanted_from": "2026-12-07T00:00:00+01:00",
                    "wanted_until": "2026-12-12T00:00:00+01:00",
                    "goal": "Which of these eight funds would you ask first?",
                },
                request_only=True,
            ),
            OpenApiExample("Your place", value=PLACE, response_only=True, status_codes=["201"]),
            OpenApiExample(
                "No need to wait",
                value={
                    "code": "times_open",
                    "detail": "You need not wait: Bob has open times. Choose one, or say which days you can.",
                    "alternatives": [
                        {
                            "starts_at": "2026-12-08T13:30:00Z",
                            "ends_at": "2026-12-08T14:00:00Z",
                            "seats_left": 1,
                        }
                    ],
                },
                response_only=True,
                status_codes=["409"],
            ),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Wait for a time with a mentor. Already waiting: the wish changes, the place stays (200)."""
        form = JoinSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user, wish = caller(request), form.validated_data
        place, is_new = services.join_waitlist(
            mentor_id=wish.pop("mentor"),
            mentee=mentee_of(user),
            by=user,
            clock=timezone.now,
            **wish,
        )
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return _place(request, place.pk, code)


class PlaceView(APIView):
    """One place of yours."""

    @extend_schema(
        operation_id="waitlist_get", responses={200: PlaceSerializer, 404: RefusalSerializer}
    )
    def get(self, request: Request, entry_id: UUID) -> Response:
        return _place(request, entry_id)

    @extend_schema(
        operation_id="waitlist_leave", responses={200: PlaceSerializer, 404: RefusalSerializer}
    )
    def delete(self, request: Request, entry_id: UUID) -> Response:
        """Leave the line. What is offered to you goes to the next. May be repeated."""
        services.leave_waitlist(entry_id=entry_id, by=caller(request), clock=timezone.now)
        return _place(request, entry_id)


class AcceptView(APIView):
    @extend_schema(
        operation_id="waitlist_accept",
        request=None,
        parameters=[IDEMPOTENCY_KEY],
        responses={
            201: SessionSerializer,
            404: RefusalSerializer,
            409: RefusalSerializer,
            410: RefusalSerializer,
            422: RefusalSerializer,
        },
    )
    @idempotent
    def post(self, request: Request, entry_id: UUID) -> Response:
        """Book what is offered. Again: the same session."""
        session = services.accept_offer(entry_id=entry_id, by=caller(request), clock=timezone.now)
        return Response(
            SessionSerializer(session, context={"request": request}).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/sessions/{session.pk}"},
        )


class PassView(APIView):
    @extend_schema(
        operation_id="waitlist_pass",
        request=None,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: PlaceSerializer, 404: RefusalSerializer, 410: RefusalSerializer},
    )
    @idempotent
    def post(self, request: Request, entry_id: UUID) -> Response:
        """Say no to what is offered: the next in line gets it, and you keep your place."""
        services.pass_offer(entry_id=entry_id, by=caller(request), clock=timezone.now)
        return _place(request, entry_id)


class HoldsView(APIView):
    """What is held for you, and holding a time while you decide (where the program allows it)."""

    @extend_schema(operation_id="holds_list", responses=HoldListSerializer)
    def get(self, request: Request) -> Response:
        holds = lines.live_holds_of(caller(request), now=timezone.now())
        return Response({"holds": HoldSerializer(holds, many=True).data})

    @extend_schema(
        operation_id="holds_make",
        request=HoldRequestSerializer,
        responses={
            201: HoldSerializer,
            403: RefusalSerializer,
            404: RefusalSerializer,
            409: RefusalSerializer,
            422: RefusalSerializer,
        },
        parameters=[IDEMPOTENCY_KEY],
        examples=[
            OpenApiExample(
                "Hold a time",
                value={"mentor": MENTOR, "starts_at": "2026-12-08T13:30:00Z"},
                request_only=True,
            ),
            OpenApiExample("Held", value=HOLD, response_only=True, status_codes=["201"]),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Hold a time for the minutes that the program allows. One at a time; booking it uses it."""
        form = HoldRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user, wanted = caller(request), form.validated_data
        hold = services.hold_slot(
            mentor_id=wanted["mentor"],
            mentee=mentee_of(user),
            starts_at=wanted["starts_at"],
            by=user,
            clock=timezone.now,
        )
        return Response(HoldSerializer(hold).data, status=status.HTTP_201_CREATED)


class HoldView(APIView):
    @extend_schema(
        operation_id="holds_release", responses={200: HoldSerializer, 404: RefusalSerializer}
    )
    def delete(self, request: Request, hold_id: UUID) -> Response:
        """Give a held time back. May be repeated. An offer from the waitlist is passed on by this."""
        hold = services.release_hold(hold_id=hold_id, by=caller(request), clock=timezone.now)
        return Response(HoldSerializer(hold).data)


class ExtendView(APIView):
    @extend_schema(
        operation_id="holds_extend",
        request=None,
        parameters=[IDEMPOTENCY_KEY],
        responses={
            200: HoldSerializer,
            403: RefusalSerializer,
            404: RefusalSerializer,
            410: RefusalSerializer,
        },
    )
    @idempotent
    def post(self, request: Request, hold_id: UUID) -> Response:
        """Keep holding a time, for as long again from now; ten times at most."""
        hold = services.extend_hold(hold_id=hold_id, by=caller(request), clock=timezone.now)
        return Response(HoldSerializer(hold).data)


def _place(request: Request, entry_id: UUID, code: int = status.HTTP_200_OK) -> Response:
    place = lines.shown_place(user=caller(request), entry_id=entry_id, now=timezone.now())
    return Response(PlaceSerializer(place).data, status=code)
