from __future__ import annotations

from allauth.headless.account.inputs import RequestLoginCodeInput
from allauth.headless.account.views import RequestLoginCodeView
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.authentication import BearerTokenAuthentication
from accounts.forms import LooksUpStrangers
from accounts.models import normal_email
from accounts.refusals import InvalidCredentials
from accounts.schema import ProblemSerializer
from accounts.throttling import PER_ADDRESS, PER_EMAIL, client_address
from accounts.times import OffsetDateTimeField


class CredentialsSerializer(serializers.Serializer[object]):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)
    code = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        default="",
        help_text="From the authenticator app, or a recovery code.",
    )


class TokenSerializer(serializers.Serializer[object]):
    token = serializers.CharField(help_text="Send it as `Authorization: Bearer oh_…`.")
    expires_at = OffsetDateTimeField()


class TokenView(APIView):
    """Bearer tokens for scripts and simple clients."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        # Whoever asks for a token may still hold one that has ended: nobody looks at it.
        return [BearerTokenAuthentication()] if self._ends() else []

    def get_permissions(self) -> list[BasePermission]:
        return [IsAuthenticated()] if self._ends() else [AllowAny()]

    def _ends(self) -> bool:
        return getattr(self.request, "method", "") == "DELETE"

    @extend_schema(
        operation_id="auth_token_create",
        summary="Exchange a password for a token",
        request=CredentialsSerializer,
        responses={
            201: TokenSerializer,
            400: ProblemSerializer,
            401: OpenApiResponse(ProblemSerializer, "`invalid_credentials`"),
            403: OpenApiResponse(ProblemSerializer, "`second_factor_required`"),
            429: OpenApiResponse(ProblemSerializer, "`throttled`, with Retry-After"),
        },
        auth=[],
    )
    def post(self, request: Request) -> Response:
        given = CredentialsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        email, address = normal_email(given.validated_data["email"]), client_address(request)
        PER_EMAIL.refuse_if_reached(email)
        PER_ADDRESS.refuse_if_reached(address)
        try:
            token, row = services.exchange_password(
                email=email,
                password=given.validated_data["password"],
                code=given.validated_data["code"].strip(),
                now=timezone.now(),
            )
        except InvalidCredentials:
            PER_EMAIL.count_failure(email)
            PER_ADDRESS.count_failure(address)
            raise
        answer = TokenSerializer({"token": token, "expires_at": row.expires_at})
        return Response(
            answer.data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"}
        )

    @extend_schema(
        operation_id="auth_token_destroy",
        summary="End the token that this request carries",
        request=None,
        responses={204: None, 401: ProblemSerializer},
    )
    def delete(self, request: Request) -> Response:
        services.end_token(token=request.auth)  # type: ignore[arg-type]
        return Response(status=status.HTTP_204_NO_CONTENT)


class RequestCodeInput(LooksUpStrangers, RequestLoginCodeInput):  # type: ignore[misc]
    pass


class RequestCodeView(RequestLoginCodeView):  # type: ignore[misc]
    """allauth's, for addresses that a room above us may know."""

    input_class = RequestCodeInput
