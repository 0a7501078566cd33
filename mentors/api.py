from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import CursorPages
from accounts.models import User
from accounts.refusals import NotAllowed
from accounts.schema import ProblemSerializer
from mentors import selectors, services
from mentors.models import SavedMentor
from mentors.serializers import MentorCardSerializer, ProfileSerializer, SavedMentorSerializer


def caller(request: Request) -> User:
    assert isinstance(request.user, User)  # every view here asks for a signed-in person
    return request.user


# -- Profiles ----------------------------------------------------------------------------------
class ProfileListView(ListAPIView[User]):
    """Everybody, newest first. For program managers."""

    serializer_class = ProfileSerializer
    queryset = User.objects.none()

    def get_queryset(self) -> Any:
        if not caller(self.request).is_program_manager:
            raise NotAllowed(_("Only program managers may list profiles."))
        return selectors.profiles()

    @extend_schema(
        operation_id="profiles_list",
        summary="Everybody's profile, for program managers",
        responses={200: ProfileSerializer(many=True), 403: ProblemSerializer},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class MyProfileView(APIView):
    @extend_schema(
        operation_id="profiles_me", summary="Your own profile", responses=ProfileSerializer
    )
    def get(self, request: Request) -> Response:
        user = caller(request)
        return Response(ProfileSerializer(selectors.profile_for(user=user, user_id=user.pk)).data)


class ProfileView(APIView):
    """A person's profile, for themself and program managers."""

    @extend_schema(
        operation_id="profiles_get",
        summary="A profile",
        responses={200: ProfileSerializer, 404: ProblemSerializer},
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        return Response(
            ProfileSerializer(selectors.profile_for(user=caller(request), user_id=user_id)).data
        )

    @extend_schema(
        operation_id="profiles_put",
        summary="Replace a profile: what is not given goes back to its default",
        request=ProfileSerializer,
        responses={200: ProfileSerializer, 400: ProblemSerializer, 404: ProblemSerializer},
    )
    def put(self, request: Request, user_id: UUID) -> Response:
        return self._change(request, user_id, partial=False)

    @extend_schema(
        operation_id="profiles_patch",
        summary="Change what is given of a profile",
        request=ProfileSerializer(partial=True),
        responses={200: ProfileSerializer, 400: ProblemSerializer, 404: ProblemSerializer},
    )
    def patch(self, request: Request, user_id: UUID) -> Response:
        return self._change(request, user_id, partial=True)

    def _change(self, request: Request, user_id: UUID, *, partial: bool) -> Response:
        user = caller(request)
        person = selectors.profile_for(user=user, user_id=user_id)
        given = ProfileSerializer(person, data=request.data, partial=partial)
        given.is_valid(raise_exception=True)
        services.update_person_with_parts(person=person, changes=given.validated_data, by=user)
        return Response(ProfileSerializer(selectors.profile_for(user=user, user_id=user_id)).data)


# -- Mentors -----------------------------------------------------------------------------------
class MentorView(APIView):
    @extend_schema(
        operation_id="mentors_get",
        summary="A mentor's card",
        responses={200: MentorCardSerializer, 404: ProblemSerializer},
    )
    def get(self, request: Request, mentor_id: UUID) -> Response:
        return Response(self.card(caller(request), mentor_id))

    def card(self, viewer: User, mentor_id: UUID) -> dict[str, Any]:
        """What is shown. Where it is read from may be decided above (sync/api.py)."""
        mentor = selectors.mentor_for(user=viewer, mentor_id=mentor_id)
        return dict(MentorCardSerializer(mentor).data)


class SavedPages(CursorPages):
    ordering = ("-saved_at", "id")


class SavedMentorListView(ListAPIView[SavedMentor]):
    """The mentors you saved, latest first."""

    serializer_class = SavedMentorSerializer
    pagination_class = SavedPages
    queryset = SavedMentor.objects.none()

    def get_queryset(self) -> Any:
        services.mentee_of(caller(self.request))
        return selectors.saved_by(caller(self.request))

    @extend_schema(
        operation_id="mentors_saved_list",
        summary="The mentors you saved",
        responses={200: SavedMentorSerializer(many=True), 403: ProblemSerializer},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class SavedMentorView(APIView):
    @extend_schema(
        operation_id="mentors_saved_put",
        summary="Save a mentor; may be repeated",
        request=None,
        responses={204: None, 403: ProblemSerializer, 404: ProblemSerializer},
    )
    def put(self, request: Request, mentor_id: UUID) -> Response:
        mentee = services.mentee_of(caller(request))
        services.save_mentor(mentee=mentee, mentor_id=mentor_id, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="mentors_saved_delete",
        summary="Take a mentor off your list; may be repeated",
        request=None,
        responses={204: None, 403: ProblemSerializer},
    )
    def delete(self, request: Request, mentor_id: UUID) -> Response:
        mentee = services.mentee_of(caller(request))
        services.unsave_mentor(mentee=mentee, mentor_id=mentor_id, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
