from __future__ import annotations

from django.urls import path

from sessions_app import api

app_name = "sessions"

api_urlpatterns = [
    path("sessions", api.SessionsView.as_view()),
    path("sessions/upcoming", api.UpcomingSessionsView.as_view()),
    path("sessions/<uuid:session_id>", api.SessionView.as_view()),
    path("sessions/<uuid:session_id>/join", api.JoinView.as_view()),
    path("sessions/<uuid:session_id>/calendar.ics", api.CalendarView.as_view()),
    path("availability/check-conflicts", api.ConflictsView.as_view()),
    path("availability/<uuid:mentor_id>", api.AvailabilityView.as_view()),
    path("availability/<uuid:mentor_id>/slots", api.SlotsView.as_view()),
]

urlpatterns: list[object] = []
