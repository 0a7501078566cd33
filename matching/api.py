from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.http import CursorPages
from accounts.idempotency import HEADER, IDEMPOTENCY_KEY, idempotent
from accounts.models import User
from accounts.schema import ProblemSerializer
from accounts.throttling import MatchThrottle
from matching import services
from matching.serializers import (
    BrowseSerializer,
    MatchAnswerSerializer,
    MatchRequestSerializer,
    NotRelevantSerializer,
)
from mentors.api import MentorView
from mentors.models import Mentor
from mentors.serializers import MentorCardSerializer

_ASKED = OpenApiExample(
    "Ask in plain words",
    value={
        "query": "we are raising our first institutional round and need help with investor intros",
        "industries": ["Fintech"],
        "limit": 5,
    },
    request_only=True,
)
_ANSWERED = OpenApiExample(
    "A mentor, and why",
    value={
        "query": "we are raising our first institutional round and need help with investor intros",
        "request_id": "0b4a3c1e-6a53-4f0e-9b0c-3c5e0a1f7d21",
        "count": 1,
        "matches": [
            {
                "mentor": {
                    "id": "6c1f0d3c-8a5e-4a43-9a7c-0f6a3c0f8c11",
                    "name": "Bob Adeyemi",
                    "headline": "Ex-seed partner who coaches founders",
                    "company": "Larkfield Partners",
                    "title": "Venture partner",
                    "photo_url": None,
                    "expertise": [],
                },
                "match_score": 91,
                "reasons": [
                    {
                        "code": "expertise",
                        "text": "Knows First institutional round and Investor introductions, "
                        "which you asked for",
                    },
                    {"code": "next_slot", "text": "Free Tue 8 Dec, 14:30 your time"},
                ],
                "slots": [
                    {
                        "starts_at": "2026-12-08T13:30:00Z",
                        "ends_at": "2026-12-08T14:15:00Z",
                        "seats_left": 1,
                    }
                ],
                "profile_url": "https://hours.example.org/mentors/6c1f0d3c-8a5e-4a43-9a7c-0f6a3c0f8c11/"
                "?request=0b4a3c1e-6a53-4f0e-9b0c-3c5e0a1f7d21",
            }
        ],
    },
    response_only=True,
)


class MatchView(APIView):
    """Ask for mentors in plain words."""

    def get_throttles(self) -> Sequence[BaseThrottle]:  # type: ignore[override]
        return [*super().get_throttles(), MatchThrottle()]

    @extend_schema(
        operation_id="match",
        request=MatchRequestSerializer,
        responses={
            200: MatchAnswerSerializer,
            400: ProblemSerializer,
            403: ProblemSerializer,
            429: OpenApiResponse(ProblemSerializer, "`throttled`, with Retry-After"),
        },
        parameters=[IDEMPOTENCY_KEY],
        examples=[_ASKED, _ANSWERED],
    )
    def post(self, request: Request) -> Response:
        asked = MatchRequestSerializer(data=_body(request), context={"request": request})
        asked.is_valid(raise_exception=True)
        question = asked.validated_data["query"]
        if HEADER in request.headers:
            # Before that opens its transaction, because this may go over the network.
            question = services.prepared(
                query=question, user=_person(request), filters=asked.filters(), now=timezone.now()
            )
        return self._answer(request, asked, question)

    @idempotent
    def _answer(
        self, request: Request, asked: MatchRequestSerializer, question: str | services.Question
    ) -> Response:
        answer = services.match(
            query=question,
            user=_person(request),
            filters=asked.filters(),
            limit=asked.validated_data["limit"],
            now=timezone.now(),
        )
        return Response(MatchAnswerSerializer(answer, context={"request": request}).data)


class NotRelevantView(APIView):
    """Not relevant, because …"""

    @extend_schema(
        operation_id="match_not_relevant",
        request=NotRelevantSerializer,
        responses={
            200: OpenApiResponse(NotRelevantSerializer, "It had been said before, and is changed."),
            201: NotRelevantSerializer,
            400: ProblemSerializer,
            404: OpenApiResponse(ProblemSerializer, "Not your request, or not in its list."),
        },
        parameters=[IDEMPOTENCY_KEY],
    )
    @idempotent
    def post(self, request: Request, request_id: UUID) -> Response:
        """Say that a mentor in the answer is not relevant.

        They are not shown to you again for the same question for 90 days, or for any question where the
        reason is about the person.
        """
        said = NotRelevantSerializer(data=_body(request))
        said.is_valid(raise_exception=True)
        feedback, is_new = services.judge(
            user=_person(request), request_id=request_id, now=timezone.now(), **said.validated_data
        )
        return Response(NotRelevantSerializer(feedback).data, status=201 if is_new else 200)


class RelevantAgainView(APIView):
    """Take back that a mentor is not relevant."""

    @extend_schema(
        operation_id="match_relevant_again", responses={204: None, 404: ProblemSerializer}
    )
    def delete(self, request: Request, request_id: UUID, mentor_id: UUID) -> Response:
        """Show the mentor again for the question of that request. May be repeated."""
        services.take_back(user=_person(request), request_id=request_id, mentor_id=mentor_id)
        return Response(status=204)


class MentorListView(ListAPIView[Mentor]):
    """The mentors you may see: newest first, or by relevance with `q`."""

    serializer_class = MentorCardSerializer
    pagination_class = CursorPages
    queryset = Mentor.objects.none()

    @extend_schema(
        operation_id="mentors_browse",
        parameters=[BrowseSerializer],
        responses={200: MentorCardSerializer(many=True), 400: ProblemSerializer},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = BrowseSerializer(data=request.query_params, context={"request": request})
        asked.is_valid(raise_exception=True)
        return self.answer(
            _person(request), asked.validated_data["q"], asked.filters(), now=timezone.now()
        )

    def answer(
        self, viewer: User, query: str, filters: services.Filters, *, now: datetime
    ) -> Response:
        """The list. Where mentors are read from may be decided above (sync/api.py)."""
        if query:
            found = services.browse_by_relevance(query=query, user=viewer, filters=filters, now=now)
            return Response({"next": None, "previous": None, "results": self._cards(found)})
        kept = services.hot_list(
            user=viewer,
            filters=filters,
            page=self.request.build_absolute_uri(),
            make=lambda: self._listed(viewer, filters, now),
        )
        return Response(kept)

    def _listed(self, viewer: User, filters: services.Filters, now: datetime) -> Any:
        page = self._page(services.browse(user=viewer, filters=filters, now=now))
        # Of a page, only those who are really free: it may be shorter than asked for, and `next`
        # still leads on.
        free = services.only_free(page, user=viewer, filters=filters, now=now)
        return self.get_paginated_response(self._cards(free)).data

    def _page(self, mentors: QuerySet[Mentor]) -> list[Mentor]:
        return list(self.paginate_queryset(mentors) or [])

    def _cards(self, mentors: Sequence[Mentor]) -> Any:
        return self.get_serializer(mentors, many=True).data


class OpenedMentorView(MentorView):
    """A mentor's card. With `request`, it was opened from the list of that request."""

    @extend_schema(
        operation_id="mentors_get",
        summary="A mentor's card",
        parameters=[
            OpenApiParameter(
                "request",
                UUID,
                description="The `request_id` of the answer to /api/match that it was opened from.",
            )
        ],
        responses={200: MentorCardSerializer, 404: ProblemSerializer},
    )
    def get(self, request: Request, mentor_id: UUID) -> Response:
        response = super().get(request, mentor_id)
        services.note_opened(
            user=request.user,
            request_id=request.query_params.get("request", ""),
            mentor_id=mentor_id,
            now=timezone.now(),
        )
        return response


def _body(request: Request) -> Any:
    """The parsed body. The raw one is read first: the Idempotency-Key hashes it later, and parsing
    leaves nothing of the stream to read."""
    _ = request._request.body
    return request.data


def _person(request: Request) -> User:
    assert isinstance(request.user, User)  # every view here asks for a signed-in person
    return request.user
