from __future__ import annotations

from django.urls import path

from sessions_app import api, views

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

urlpatterns = [
    path("mentors/<uuid:mentor_id>/", views.mentor_page, name="mentor"),
    path("mentors/<uuid:mentor_id>/book/", views.book, name="book"),
    path("sessions/", views.session_list, name="list"),
    path("sessions/<uuid:session_id>/", views.detail, name="detail"),
    path("sessions/<uuid:session_id>/cancel/", views.cancel, name="cancel"),
    path("sessions/<uuid:session_id>/accept/", views.accept, name="accept"),
    path("sessions/<uuid:session_id>/join/", views.join, name="join"),
    path("sessions/<uuid:session_id>/notes/", views.write_notes, name="notes"),
    path("sessions/<uuid:session_id>/calendar.ics", views.calendar_ics, name="calendar"),
    path("hours/", views.hours, name="hours"),
    path("hours/add/", views.add_window, name="add-window"),
    path("hours/<uuid:window_id>/remove/", views.remove_window, name="remove-window"),
]
