from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
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
from accounts.idempotency import idempotent
from accounts.models import User
from accounts.refusals import NotAllowed
from accounts.times import PERIOD, period
from mentors.models import Mentee, Mentor
from mentors.selectors import mentor_for
from sessions_app import selectors, services
from sessions_app.add_to_calendar import ics_response
from sessions_app.models import AvailabilityWindow, Session
from sessions_app.serializers import (
    BookingSerializer,
    ConflictCheckSerializer,
    ConflictsSerializer,
    MeetingUrlSerializer,
    RefusalSerializer,
    SessionChangeSerializer,
    SessionSerializer,
    SlotsSerializer,
    WindowListSerializer,
    WindowSerializer,
    WindowsSerializer,
)
from sessions_app.services.booking import slots_as_data
from sessions_app.services.windows import conflicts_as_data
from sessions_app.slots import minute, why_empty

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="At most 255 characters. The same key and body within 24 hours repeats the answer.",
)


def caller(request: Request) -> User:
    assert isinstance(request.user, User)  # every view here asks for a signed-in person
    return request.user


def mentee_of(user: User) -> Mentee:
    """The caller as a mentee, or a refusal: mentors and PMs have no seat to take."""
    mentee = Mentee.objects.select_related("user").filter(user=user).first()
    if mentee is None:
        raise NotAllowed("Only mentees book sessions. Ask your program manager to be added as one.")
    return mentee


def mentor_of_hours(user: User, mentor_id: UUID) -> Mentor:
    """The mentor whose hours these are, if this person may change them."""
    mentor = mentor_for(user=user, mentor_id=mentor_id)
    if mentor.user_id != user.pk and not user.is_program_manager:
        raise NotAllowed("Only this mentor and program managers can change these hours.")
    return mentor


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
            mentee=mentee_of(user),
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
    """One session of yours: read it, accept or cancel it, keep notes."""

    @extend_schema(
        operation_id="sessions_get", responses={200: SessionSerializer, 404: RefusalSerializer}
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        return self._answer(selectors.session_for(user=caller(request), session_id=session_id))

    @extend_schema(
        operation_id="sessions_change",
        request=SessionChangeSerializer,
        responses={200: SessionSerializer, 404: RefusalSerializer, 422: RefusalSerializer},
    )
    def patch(self, request: Request, session_id: UUID) -> Response:
        user = caller(request)
        selectors.session_for(user=user, session_id=session_id)
        form = SessionChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        change = form.validated_data
        if "notes" in change:
            services.write_notes(session_id=session_id, by=user, notes=change["notes"])
        elif change["status"] == "booked":
            services.approve_session(session_id=session_id, by=user, clock=timezone.now)
        else:
            services.cancel_session(
                session_id=session_id, by=user, reason=change.get("reason", ""), clock=timezone.now
            )
        return self._answer(selectors.session_for(user=user, session_id=session_id))

    @extend_schema(
        operation_id="sessions_cancel",
        parameters=[OpenApiParameter("reason", str)],
        responses={200: SessionSerializer, 404: RefusalSerializer, 422: RefusalSerializer},
    )
    def delete(self, request: Request, session_id: UUID) -> Response:
        session = services.cancel_session(
            session_id=session_id,
            by=caller(request),
            reason=request.query_params.get("reason", "")[:2000],
            clock=timezone.now,
        )
        return self._answer(session)

    def _answer(self, session: Session) -> Response:
        return Response(SessionSerializer(session, context={"request": self.request}).data)


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


class AvailabilityView(APIView):
    """A mentor's windows in a period; the mentor and program managers replace the future ones."""

    @extend_schema(
        operation_id="availability_get", parameters=PERIOD, responses=WindowListSerializer
    )
    def get(self, request: Request, mentor_id: UUID) -> Response:
        user = caller(request)
        mentor = mentor_for(user=user, mentor_id=mentor_id)
        first, last = period(request, now=timezone.now())
        return self._answer(selectors.windows_of(mentor, first=first, last=last))

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
        request=ConflictCheckSerializer,
        responses={200: ConflictsSerializer, 400: RefusalSerializer, 403: RefusalSerializer},
    )
    def post(self, request: Request) -> Response:
        form = ConflictCheckSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        mentor = mentor_of_hours(caller(request), form.validated_data["mentor"])
        conflicts = services.conflicts_of(
            mentor_id=mentor.pk, specs=form.specs(), now=timezone.now()
        )
        return Response({"conflicts": conflicts_as_data(conflicts)})


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
            calendar = selectors.calendars(mentors=[mentor], first=first, last=last)[mentor.pk]
            body["why_empty"] = why_empty(
                calendar, now=now, first=minute(first), last=minute(last)
            ).value
        return Response(SlotsSerializer(body).data)
