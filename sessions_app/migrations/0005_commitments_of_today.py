from __future__ import annotations

from django.db import migrations

# People whose sessions were booked before commitments were kept. One who is already expected in two
# places keeps both sessions: the first is noted, and the rule holds from now on.
COMMITMENTS = """
INSERT INTO sessions_app_commitment (user_id, starts_at, ends_at, meeting_id)
SELECT m.user_id, t.starts_at, t.ends_at, t.id
FROM sessions_app_meeting t JOIN mentors_mentor m ON m.id = t.mentor_id
WHERE t.live ORDER BY t.starts_at, t.id
ON CONFLICT DO NOTHING;
INSERT INTO sessions_app_commitment (user_id, starts_at, ends_at, session_id)
SELECT m.user_id, s.starts_at, s.ends_at, s.id
FROM sessions_app_session s JOIN mentors_mentee m ON m.id = s.mentee_id
WHERE s.status IN ('pending', 'booked') ORDER BY s.starts_at, s.id
ON CONFLICT DO NOTHING
"""
ANSWERS = """
UPDATE sessions_app_session
SET answer_by = LEAST(starts_at, created_at + make_interval(hours => COALESCE(
    (SELECT pending_lapses_after_hours FROM accounts_programsettings), 48)))
WHERE status = 'pending'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0004_booking_that_cannot_fail"),
        ("mentors", "0001_initial"),
        ("accounts", "0003_rules_of_booking"),
    ]

    operations = [
        migrations.RunSQL(COMMITMENTS, migrations.RunSQL.noop),
        migrations.RunSQL(ANSWERS, migrations.RunSQL.noop),
    ]
