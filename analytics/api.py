from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import FileNegotiation
from accounts.models import User
from accounts.refusals import Invalid, NotAllowed
from accounts.schema import ProblemSerializer
from accounts.times import PERIOD, open_period
from analytics import selectors
from analytics.exports import DATASETS, Dataset, Period
from analytics.models import MentorFigures
from analytics.serializers import AnalyticsSerializer, MentorFiguresSerializer


def for_managers(request: Request) -> User:
    """The caller. Raises NotAllowed unless they are a program manager."""
    assert isinstance(request.user, User)  # every view here asks for a signed-in person
    if not request.user.is_program_manager:
        raise NotAllowed(_("The figures are for program managers."))
    return request.user


class AnalyticsView(APIView):
    @extend_schema(
        operation_id="admin_analytics",
        summary="The measures of success and what they come from, for program managers",
        responses={200: AnalyticsSerializer, 403: ProblemSerializer},
    )
    def get(self, request: Request) -> Response:
        for_managers(request)
        refresh = selectors.latest()
        found: dict[str, Any] = dict.fromkeys(
            ("measures", "areas", "sessions_by_day", "matches_by_day", "feedback_by_week"), ()
        )
        if refresh is not None:
            found = {
                "measures": selectors.standings(refresh),
                "areas": selectors.areas(refresh),
                "sessions_by_day": selectors.session_days(refresh),
                "matches_by_day": selectors.match_days(refresh),
                "feedback_by_week": selectors.feedback_weeks(refresh),
            }
        as_of = refresh.as_of if refresh is not None else None
        return Response(AnalyticsSerializer({"as_of": as_of, **found}).data)


class MentorsView(ListAPIView[MentorFigures]):
    """How booked each mentor is. The latest who joined first."""

    serializer_class = MentorFiguresSerializer
    queryset = MentorFigures.objects.none()

    def get_queryset(self) -> Any:
        for_managers(self.request)
        refresh = selectors.latest()
        if refresh is None:
            return MentorFigures.objects.none()
        return selectors.mentors(refresh).select_related("mentor__user", "mentor__opening")

    @extend_schema(
        operation_id="admin_mentors",
        summary="Every mentor's utilization in the last 28 days, for program managers",
        responses={200: MentorFiguresSerializer(many=True), 403: ProblemSerializer},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class ExportView(APIView):
    content_negotiation_class = FileNegotiation

    @extend_schema(
        operation_id="admin_export",
        summary="A table as CSV, for program managers",
        description="UTF-8 with a byte order mark, every cell quoted. A text that a spreadsheet would compute "
        "has an apostrophe ahead. Without `from` or `to` that side is open, whatever the length.",
        parameters=[
            OpenApiParameter("dataset", str, enum=list(DATASETS), required=True),
            *PERIOD,
        ],
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR),
            400: ProblemSerializer,
            403: ProblemSerializer,
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        user = for_managers(request)
        dataset = DATASETS.get(request.query_params.get("dataset", ""))
        if dataset is None:
            sentence = _("Choose one of: %(names)s.") % {"names": ", ".join(DATASETS)}
            raise Invalid(sentence, fields={"dataset": [sentence]})
        return file_of(dataset, open_period(request), by=user)


def file_of(dataset: Dataset, period: Period, *, by: User) -> StreamingHttpResponse:
    """The answer with the file. Raises NotAllowed where the person may not see what is in it."""
    if not by.has_perm(dataset.permission):
        raise NotAllowed(_("You may not see this."))
    answer = StreamingHttpResponse(
        (piece.encode() for piece in dataset.lines(period)), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{dataset.name}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer
