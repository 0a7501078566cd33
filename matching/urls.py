from __future__ import annotations

from django.urls import path

from matching import api, views

app_name = "matching"

api_urlpatterns = [
    path("match", api.MatchView.as_view()),
    path("match/<uuid:request_id>/not-relevant", api.NotRelevantView.as_view()),
    path("match/<uuid:request_id>/not-relevant/<uuid:mentor_id>", api.RelevantAgainView.as_view()),
    path("mentors", api.MentorListView.as_view()),
    path("mentors/<uuid:mentor_id>", api.OpenedMentorView.as_view()),
]

urlpatterns = [
    path("search/", views.search, name="search"),
    path(
        "search/<uuid:request_id>/not-relevant/<uuid:mentor_id>/",
        views.not_relevant,
        name="not-relevant",
    ),
    path(
        "search/<uuid:request_id>/not-relevant/<uuid:mentor_id>/undo/",
        views.relevant_again,
        name="relevant-again",
    ),
]
