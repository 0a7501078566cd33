"""A view whose every effect is a row that can be counted, with each way of taking the header."""

from __future__ import annotations

import time

from django.urls import path
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.idempotency import idempotent
from accounts.models import ApiToken
from accounts.refusals import NotAllowed


def work(request) -> Response:
    """Leaves a token behind, whose number the answer names; refuses where the body says so."""
    wanted = request.data.get("do", "")
    if wanted == "slow":
        time.sleep(0.3)  # long enough for every twin to arrive
    _token, row = services.issue_token(user=request.user, now=timezone.now())
    if wanted == "refuse":
        raise NotAllowed("No.")
    status = 409 if wanted == "answer 409" else 201
    return Response({"made": row.pk, "at": timezone.now()}, status=status)


class Plain(APIView):
    @idempotent
    def post(self, request):
        return work(request)


class Decorated(APIView):
    @idempotent
    def post(self, request, name):
        return work(request)


class Guardless(APIView):
    def post(self, request):
        return work(request)


urlpatterns = [
    path("api/mixed", Plain.as_view()),
    path("api/other", Plain.as_view()),
    path("api/decorated/<str:name>", Decorated.as_view()),
    path("api/guardless", Guardless.as_view()),
]


def made() -> int:
    """How often the work was done; one token is the caller's own."""
    return ApiToken.objects.count() - 1
