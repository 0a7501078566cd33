from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
)
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import CursorPages, FileNegotiation
from accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from accounts.models import User
from accounts.refusals import Invalid
from sessions_app import selectors, services
from sessions_app.add_to_calendar import ics_response
from sessions_app.api.caller import caller, mentee_to_book
from sessions_app.models import Session
from sessions_app.serializers.sessions import (
    BookingSerializer,
    MeetingUrlSerializer,
    SessionChangeSerializer,
    SessionSerializer,
)
from sessions_app.serializers.shared import RefusalSerializer


class SessionPages(CursorPages):
    ordering = ("-starts_at", "id")


class UpcomingPages(CursorPages):
    ordering = ("starts_at", "id")


class SessionsView(ListAPIView[Session]):
    """Your sessions, and booking one."""

    serializer_class = SessionSerializer
    pagination_class = SessionPages
    queryset = Session.objects.none()

    def get_queryset(self) -> Any:
        return selectors.sessions_of(caller(self.request))

    @extend_schema(
        operation_id="sessions_book",
        request=BookingSerializer,
        responses={
            201: SessionSerializer,
            404: RefusalSerializer,
            409: RefusalSerializer,
            422: RefusalSerializer,
        },
        parameters=[IDEMPOTENCY_KEY],
        examples=[
            OpenApiExample(
                "Book",
                value={
                    "mentor": "6c1f0d3c-8a5e-4a43-9a7c-0f6a3c0f8c11",
                    "starts_at": "2026-12-08T13:30:00Z",
                    "goal": "Which of these eight funds would you ask first?",
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        form = BookingSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = caller(request)
        wanted = form.validated_data
        session = services.book_session(
            mentor_id=wanted.pop("mentor"),
            mentee=mentee_to_book(user, wanted.pop("mentee", None)),
            by=user,
            clock=timezone.now,
            **wanted,
        )
        return Response(
            SessionSerializer(session, context={"request": request}).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/sessions/{session.pk}"},
        )


@extend_schema_view(get=extend_schema(operation_id="sessions_upcoming"))
class UpcomingSessionsView(ListAPIView[Session]):
    """Your live sessions that are not over, soonest first."""

    serializer_class = SessionSerializer
    pagination_class = UpcomingPages
    queryset = Session.objects.none()

    def get_queryset(self) -> Any:
        return selectors.upcoming(caller(self.request), now=timezone.now())


class SessionView(APIView):
    """One session of yours: read it, move it, accept or cancel it, say who came, keep notes."""

    @extend_schema(
        operation_id="sessions_get", responses={200: SessionSerializer, 404: RefusalSerializer}
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        return self._answer(selectors.session_for(user=caller(request), session_id=session_id))

    @extend_schema(
        operation_id="sessions_change",
        request=SessionChangeSerializer,
        responses={
            200: SessionSerializer,
            404: RefusalSerializer,
            409: RefusalSerializer,
            422: RefusalSerializer,
        },
        examples=[
            OpenApiExample(
                "Move", value={"starts_at": "2026-12-09T10:00:00Z", "version": 1}, request_only=True
            ),
            OpenApiExample(
                "Accept a request (mentor)", value={"status": "booked"}, request_only=True
            ),
            OpenApiExample(
                "They did not come",
                value={"status": "no_show", "absent": "mentee"},
                request_only=True,
            ),
            OpenApiExample("Own notes", value={"notes": "Ask about terms."}, request_only=True),
        ],
    )
    def patch(self, request: Request, session_id: UUID) -> Response:
        user = caller(request)
        selectors.session_for(user=user, session_id=session_id)
        form = SessionChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        _change(session_id, user, form.validated_data)
        return self._answer(selectors.session_for(user=user, session_id=session_id))

    @extend_schema(
        operation_id="sessions_cancel",
        parameters=[OpenApiParameter("reason", str), OpenApiParameter("version", int)],
        responses={200: SessionSerializer, 404: RefusalSerializer, 422: RefusalSerializer},
    )
    def delete(self, request: Request, session_id: UUID) -> Response:
        session = services.cancel_session(
            session_id=session_id,
            by=caller(request),
            reason=request.query_params.get("reason", "")[:2000],
            version=_version(request),
            clock=timezone.now,
        )
        return self._answer(session)

    def _answer(self, session: Session) -> Response:
        return Response(SessionSerializer(session, context={"request": self.request}).data)


def _change(session_id: UUID, by: User, change: dict[str, Any]) -> None:
    """The one thing that is asked for."""
    reason, version = change.get("reason", ""), change.get("version")
    status = change.get("status")
    if "notes" in change:
        services.write_notes(session_id=session_id, by=by, notes=change["notes"])
    elif "starts_at" in change:
        services.reschedule_session(
            session_id=session_id,
            starts_at=change["starts_at"],
            by=by,
            clock=timezone.now,
            version=version,
            override=change["override"],
        )
    elif status == Session.Status.BOOKED:
        services.approve_session(session_id=session_id, by=by, clock=timezone.now, version=version)
    elif status == Session.Status.COMPLETED:
        services.complete_or_dispute(session_id=session_id, by=by, clock=timezone.now)
    elif status == Session.Status.NO_SHOW:
        services.report_absence(
            session_id=session_id, by=by, side=change["absent"], clock=timezone.now
        )
    else:
        services.cancel_session(
            session_id=session_id, by=by, reason=reason, clock=timezone.now, version=version
        )


# Python itself refuses to read a number of thousands of digits.
_LONGEST_VERSION = 10


def _version(request: Request) -> int | None:
    text = request.query_params.get("version", "")
    if text and not (text.isdecimal() and len(text) <= _LONGEST_VERSION):
        raise Invalid(
            _("A version is a whole number."), fields={"version": [_("Send it as you read it.")]}
        )
    return int(text) if text else None


class JoinView(APIView):
    """Join: notes that you came, and gives the room's address from 15 minutes before."""

    @extend_schema(
        operation_id="sessions_join",
        request=None,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: MeetingUrlSerializer, 403: RefusalSerializer, 422: RefusalSerializer},
    )
    @idempotent
    def post(self, request: Request, session_id: UUID) -> Response:
        url = services.join_session(session_id=session_id, by=caller(request), clock=timezone.now)
        return Response({"meeting_url": url})


class CalendarView(APIView):
    """The session as an .ics file."""

    content_negotiation_class = FileNegotiation

    @extend_schema(
        operation_id="sessions_calendar",
        responses={(200, "text/calendar"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, session_id: UUID) -> HttpResponse:
        user = caller(request)
        return ics_response(selectors.session_for(user=user, session_id=session_id), user)
