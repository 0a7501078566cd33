from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from accounts.models import User
from sessions_app import services
from sessions_app.api.caller import caller
from sessions_app.models import MessagePreferences
from sessions_app.preferences import bounce_of, preferences_of
from sessions_app.serializers.messages import (
    MessageChoicesSerializer,
    MessagePreferencesSerializer,
)
from sessions_app.serializers.shared import RefusalSerializer

_EXAMPLE = OpenApiExample(
    "No reminder an hour before",
    value={
        "reminder_day": True,
        "reminder_hour": False,
        "feedback": True,
        "waitlist": True,
        "bounce": None,
    },
    response_only=True,
)


class MessagePreferencesView(APIView):
    """Which messages you get, and whether mail reaches you."""

    @extend_schema(
        operation_id="message_preferences_get",
        responses={200: MessagePreferencesSerializer},
        examples=[_EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        user = caller(request)
        return Response(_answer(user, preferences_of(user)))

    @extend_schema(
        operation_id="message_preferences_change",
        request=MessageChoicesSerializer,
        responses={200: MessagePreferencesSerializer, 400: RefusalSerializer},
        examples=[_EXAMPLE],
    )
    def patch(self, request: Request) -> Response:
        user = caller(request)
        form = MessageChoicesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(
            _answer(user, services.choose_messages(user=user, choices=form.validated_data))
        )


class MailAgainView(APIView):
    """Takes your address for good again, and sends what could not be delivered and is still to come."""

    @extend_schema(
        operation_id="message_preferences_try_again",
        request=None,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: MessagePreferencesSerializer},
        examples=[_EXAMPLE],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        user = caller(request)
        services.mail_again(user=user, now=timezone.now())
        fresh = MessagePreferences.objects.filter(user=user).first()
        return Response(_answer(user, fresh or MessagePreferences(user=user)))


def _answer(user: User, row: MessagePreferences) -> Any:
    row.user = user
    reason = bounce_of(user, row)
    bounce = {"email": row.bounced_email, "at": row.bounced_at, "reason": reason}
    choices = {name: getattr(row, name) for name in services.CHOICES}
    return MessagePreferencesSerializer(choices | {"bounce": bounce if reason else None}).data
