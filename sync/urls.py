from __future__ import annotations

from django.urls import path

from sync import views

# Below /api/, beside the other apps' API.
api_urlpatterns = [
    path("webhooks/airtable", views.airtable_webhook, name="airtable-webhook"),
]
