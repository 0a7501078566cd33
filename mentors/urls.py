from __future__ import annotations

from django.urls import path

from mentors import api, views

app_name = "mentors"

# Included under /api/. The list of mentors is matching's: it is ordered by what is asked. So is a mentor's
# card there: from which list it was opened is noted.
api_urlpatterns = [
    path("profiles", api.ProfileListView.as_view(), name="profiles"),
    path("profiles/me", api.MyProfileView.as_view(), name="profile-me"),
    path("profiles/<uuid:user_id>", api.ProfileView.as_view(), name="profile"),
    path("mentors/saved", api.SavedMentorListView.as_view(), name="mentors-saved"),
    path("mentors/<uuid:mentor_id>/saved", api.SavedMentorView.as_view(), name="mentor-saved"),
]

urlpatterns = [
    path("mentors/", views.directory, name="directory"),
    path("mentors/<uuid:mentor_id>/save/", views.save, name="save"),
    path("mentors/<uuid:mentor_id>/unsave/", views.unsave, name="unsave"),
    path("saved/", views.saved, name="saved"),
    path("profile/", views.profile, name="profile"),
    path("welcome/", views.welcome, name="welcome"),
]
