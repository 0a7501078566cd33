from __future__ import annotations

from django.urls import path

from mentors import api

# Included under /api/. The list of mentors is matching's: it is ordered by what is asked.
api_urlpatterns = [
    path("profiles", api.ProfileListView.as_view(), name="profiles"),
    path("profiles/me", api.MyProfileView.as_view(), name="profile-me"),
    path("profiles/<uuid:user_id>", api.ProfileView.as_view(), name="profile"),
    path("mentors/saved", api.SavedMentorListView.as_view(), name="mentors-saved"),
    path("mentors/<uuid:mentor_id>", api.MentorView.as_view(), name="mentor"),
    path("mentors/<uuid:mentor_id>/saved", api.SavedMentorView.as_view(), name="mentor-saved"),
]
