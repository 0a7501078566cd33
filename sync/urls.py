from __future__ import annotations

from django.urls import path

from sync import api, people_views, views

app_name = "sync"
urlpatterns = [
    path("welcome/<str:token>/", people_views.claim, name="claim"),
    path("settings/address/", people_views.address, name="address"),
]

# Below /api/, ahead of the other apps' API: three of their reads can be answered from Airtable.
api_urlpatterns = [
    path("mentors", api.EitherMentorListView.as_view()),
    path("mentors/<uuid:mentor_id>", api.EitherMentorCardView.as_view()),
    path("availability/<uuid:mentor_id>", api.EitherAvailabilityView.as_view()),
    path("webhooks/airtable", views.airtable_webhook, name="airtable-webhook"),
]
