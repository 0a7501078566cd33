from __future__ import annotations

from django.urls import path

from sync import people_views, views

app_name = "sync"
urlpatterns = [
    path("welcome/<str:token>/", people_views.claim, name="claim"),
    path("settings/address/", people_views.address, name="address"),
]

# Below /api/, beside the other apps' API.
api_urlpatterns = [
    path("webhooks/airtable", views.airtable_webhook, name="airtable-webhook"),
]
