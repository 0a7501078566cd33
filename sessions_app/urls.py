from __future__ import annotations

from django.urls import path

from sessions_app import views
from sessions_app.api import availability, feedback, hours, messages, sessions, waitlist
from sessions_app.views import pausing, weekly

app_name = "sessions"

api_urlpatterns = [
    path("sessions", sessions.SessionsView.as_view()),
    path("sessions/upcoming", sessions.UpcomingSessionsView.as_view()),
    path("sessions/<uuid:session_id>", sessions.SessionView.as_view()),
    path("sessions/<uuid:session_id>/join", sessions.JoinView.as_view()),
    path("sessions/<uuid:session_id>/feedback", feedback.FeedbackView.as_view()),
    path("sessions/<uuid:session_id>/calendar.ics", sessions.CalendarView.as_view()),
    path("message-preferences", messages.MessagePreferencesView.as_view()),
    path("message-preferences/try-again", messages.MailAgainView.as_view()),
    path("waitlist", waitlist.WaitlistView.as_view()),
    path("waitlist/<uuid:entry_id>", waitlist.PlaceView.as_view()),
    path("waitlist/<uuid:entry_id>/accept", waitlist.AcceptView.as_view()),
    path("waitlist/<uuid:entry_id>/pass", waitlist.PassView.as_view()),
    path("holds", waitlist.HoldsView.as_view()),
    path("holds/<uuid:hold_id>", waitlist.HoldView.as_view()),
    path("holds/<uuid:hold_id>/extend", waitlist.ExtendView.as_view()),
    path("availability/check-conflicts", availability.ConflictsView.as_view()),
    path("availability/<uuid:mentor_id>", availability.AvailabilityView.as_view()),
    path("availability/<uuid:mentor_id>/weekly", hours.WeeklyHoursView.as_view()),
    path("availability/<uuid:mentor_id>/displaced", hours.DisplacedView.as_view()),
    path("availability/<uuid:mentor_id>/why", availability.WhyView.as_view()),
    path("availability/<uuid:mentor_id>/slots", availability.SlotsView.as_view()),
]

urlpatterns = [
    path("mentors/<uuid:mentor_id>/", views.mentor_page, name="mentor"),
    path("mentors/<uuid:mentor_id>/book/", views.book, name="book"),
    path("sessions/", views.session_list, name="list"),
    path("sessions/<uuid:session_id>/", views.detail, name="detail"),
    path("sessions/<uuid:session_id>/cancel/", views.cancel, name="cancel"),
    path("sessions/<uuid:session_id>/move/", views.move, name="move"),
    path("sessions/<uuid:session_id>/absence/", views.report_absence, name="report-absence"),
    path("sessions/<uuid:session_id>/dispute/", views.dispute_absence, name="dispute-absence"),
    path("sessions/<uuid:session_id>/feedback/", views.feedback, name="feedback"),
    path("sessions/<uuid:session_id>/accept/", views.accept, name="accept"),
    path("sessions/<uuid:session_id>/join/", views.join, name="join"),
    path("sessions/<uuid:session_id>/notes/", views.write_notes, name="notes"),
    path("sessions/<uuid:session_id>/calendar.ics", views.calendar_ics, name="calendar"),
    path("settings/messages/", views.message_choices, name="messages"),
    path("l/<str:token>/", views.follow, name="link"),
    path("waitlist/", views.waitlist, name="waitlist"),
    path("mentors/<uuid:mentor_id>/waitlist/", views.join_waitlist, name="join-waitlist"),
    path("waitlist/<uuid:entry_id>/leave/", views.leave_waitlist, name="leave-waitlist"),
    path("waitlist/<uuid:entry_id>/accept/", views.accept_offer, name="accept-offer"),
    path("waitlist/<uuid:entry_id>/pass/", views.pass_offer, name="pass-offer"),
    path("mentors/<uuid:mentor_id>/hold/", views.hold, name="hold"),
    path("holds/<uuid:hold_id>/extend/", views.extend_hold, name="extend-hold"),
    path("holds/<uuid:hold_id>/release/", views.release_hold, name="release-hold"),
    path("hours/", views.hours, name="hours"),
    path("hours/add/", views.add_window, name="add-window"),
    path("hours/<uuid:window_id>/remove/", views.remove_window, name="remove-window"),
    path("hours/decide/", views.decide, name="decide"),
    path("hours/pause/", pausing.pause, name="pause"),
    path("hours/resume/", pausing.resume, name="resume"),
    path("hours/zone/", weekly.time_zone, name="hours-zone"),
    path("hours/weekly/add/", weekly.weekly_hours, name="weekly-add"),
    path("hours/weekly/<uuid:weekly_id>/", weekly.weekly_hours, name="weekly-edit"),
    path("hours/weekly/<uuid:weekly_id>/remove/", weekly.remove_weekly, name="weekly-remove"),
    path("hours/dates/add/", weekly.exception, name="exception-add"),
    path("hours/dates/<uuid:exception_id>/", weekly.exception, name="exception-edit"),
    path(
        "hours/dates/<uuid:exception_id>/remove/", weekly.remove_exception, name="exception-remove"
    ),
    path("hours/away/add/", weekly.time_away, name="away-add"),
    path("hours/away/<uuid:away_id>/", weekly.time_away, name="away-edit"),
    path("hours/away/<uuid:away_id>/remove/", weekly.remove_away, name="away-remove"),
]
