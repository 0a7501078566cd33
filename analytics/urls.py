from __future__ import annotations

from django.urls import path

from analytics import api

# Included under /api/.
api_urlpatterns = [
    path("admin/analytics", api.AnalyticsView.as_view(), name="admin-analytics"),
    path("admin/mentors", api.MentorsView.as_view(), name="admin-mentors"),
    path("admin/export", api.ExportView.as_view(), name="admin-export"),
]
