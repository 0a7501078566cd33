from __future__ import annotations

from django.db import migrations

# A session's mentor, times and capacity are copies of its meeting's. The database keeps them equal:
# moving the meeting moves its seats, and a capacity below a taken seat is refused by that seat's own
# check (session_has_one_of_the_seats).
ADD = """
ALTER TABLE sessions_app_session ADD CONSTRAINT session_is_when_its_meeting_is
FOREIGN KEY (meeting_id, mentor_id, starts_at, ends_at, capacity)
REFERENCES sessions_app_meeting (id, mentor_id, starts_at, ends_at, capacity)
ON UPDATE CASCADE
"""
DROP = "ALTER TABLE sessions_app_session DROP CONSTRAINT session_is_when_its_meeting_is"


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0001_initial")]

    operations = [migrations.RunSQL(ADD, DROP)]
