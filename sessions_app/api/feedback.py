from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from sessions_app import selectors, services
from sessions_app.api.caller import caller
from sessions_app.serializers.feedback import (
    FeedbackInputSerializer,
    FeedbackSerializer,
    SessionFeedbackSerializer,
)
from sessions_app.serializers.shared import RefusalSerializer
from sessions_app.services.feedback import took_place
from sessions_app.services.lifecycle import side_of

_GIVEN = {
    "overall": 5,
    "expertise": 5,
    "communication": 4,
    "helpfulness": 5,
    "goals_achieved": True,
    "would_recommend": True,
    "follow_up_needed": False,
    "topics": ["Seed round"],
    "tags": [],
    "comment": "Named the three funds I should have started with.",
}


class FeedbackView(APIView):
    """What a session's two people thought of it. The other side's shows when both have answered."""

    @extend_schema(
        operation_id="sessions_feedback",
        responses={200: SessionFeedbackSerializer, 404: RefusalSerializer},
        examples=[
            OpenApiExample(
                "One has answered",
                value={
                    "side": "mentee",
                    "can_give": False,
                    "mentee": {"side": "mentee", **_GIVEN, "submitted_at": "2026-12-08T14:10:00Z"},
                    "mentor": None,
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        user = caller(request)
        session = selectors.session_for(user=user, session_id=session_id)
        given = services.feedback_of(session=session, user=user)
        side = side_of(session, user)
        answer: dict[str, Any] = {
            "side": side,
            "can_give": side is not None
            and side not in given
            and took_place(session, now=timezone.now()),
            "mentee": given.get("mentee"),
            "mentor": given.get("mentor"),
        }
        return Response(SessionFeedbackSerializer(answer).data)

    @extend_schema(
        operation_id="sessions_give_feedback",
        request=FeedbackInputSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={
            201: FeedbackSerializer,
            400: RefusalSerializer,
            403: RefusalSerializer,
            404: RefusalSerializer,
            422: RefusalSerializer,
        },
        examples=[OpenApiExample("A good half hour", value=_GIVEN, request_only=True)],
    )
    @idempotent
    def post(self, request: Request, session_id: UUID) -> Response:
        user = caller(request)
        # Before the form: a stranger learns nothing from what is wrong with theirs.
        selectors.session_for(user=user, session_id=session_id)
        form = FeedbackInputSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        feedback = services.give_feedback(
            session_id=session_id,
            by=user,
            values=services.FeedbackValues(**form.validated_data),
            clock=timezone.now,
        )
        return Response(FeedbackSerializer(feedback).data, status=status.HTTP_201_CREATED)
