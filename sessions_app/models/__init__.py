"""Time: when mentors can be met, and who meets when."""

from sessions_app.models.availability import (
    AvailabilityWindow,
    BookableMentor,
    HoursException,
    MentorOpening,
    WeeklyHours,
)
from sessions_app.models.booking import Feedback, Meeting, Notification, Session, SessionEvent

__all__ = [
    "AvailabilityWindow",
    "BookableMentor",
    "Feedback",
    "HoursException",
    "Meeting",
    "MentorOpening",
    "Notification",
    "Session",
    "SessionEvent",
    "WeeklyHours",
]
