"""What each message says, in text and HTML, and how program managers change the words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from content.models import MessageTemplate
from sessions_app import notifications, services
from sessions_app.mail_html import blocks
from sessions_app.messages import write_letter
from sessions_app.models import Hold, Notification, WaitlistEntry
from sessions_app.wording import (
    ONLY_IN,
    SAMPLE,
    SHIPPED,
    VARIABLES,
    Wording,
    fill,
    sample_of,
    unknown_variables,
)
from tests.bookings import booked, completed, html_of, links_in, mail_to, mails, moved
from tests.config.console import console
from tests.hours import open_window
from tests.people import alice, bob, browser, carol

pytestmark = pytest.mark.django_db
TEMPLATES = "/admin/content/messagetemplate/"


class TestMoved:
    def test_it_says_the_new_time_the_old_one_and_who_moved_it(self):
        session = booked()
        mails()
        was = session.starts_at.astimezone(session.mentor.user.zone)
        after = moved(session)
        now = after.starts_at.astimezone(session.mentor.user.zone)

        by_person = {m.to[0]: m for m in mails()}
        message = by_person["bob@example.com"]

        assert message.subject.startswith("Moved: Bob Mentor and Alice Founder, now ")
        assert f"{now:%H:%M}" in message.subject
        assert f"Before: {was:%a} {was.day} {was:%B %Y, %H:%M}" in message.body
        assert "Moved by: Alice Founder" in message.body
        assert "Moved by: You" in by_person["alice@example.com"].body

    def test_what_was_not_sent_yet_of_the_old_time_never_is(self):
        session = booked()
        moved(session)

        assert {m.subject.split(":")[0] for m in mails()} == {"Moved"}

    def test_its_reminders_follow_it(self):
        session = booked()
        mails()
        after = moved(session, minutes=90)
        mails()

        assert mails(at=after.starts_at - timedelta(days=1, minutes=1)) == []
        assert len(mails(at=after.starts_at - timedelta(days=1))) == 2
        assert len(mails(at=after.starts_at - timedelta(hours=1))) == 2
        assert mails(at=after.starts_at + timedelta(days=1)) == []

    def test_a_session_moved_by_plain_sql_is_reminded_of_at_its_new_time(self):
        session = booked()
        mails()
        later = session.starts_at + timedelta(days=7)
        type(session.meeting).objects.filter(pk=session.meeting_id).update(
            starts_at=later, ends_at=later + timedelta(minutes=30)
        )

        assert mails(at=session.starts_at - timedelta(hours=1)) == []
        assert len(mails(at=later - timedelta(days=1))) == 2

    def test_a_moved_request_has_no_reminders_yet(self):
        session = booked(approves_bookings=True)
        moved(session)
        assert not Notification.objects.filter(kind__startswith="reminder").exists()


class TestReminders:
    def test_one_that_is_late_by_most_of_a_day_is_not_sent_beside_the_next(self):
        session = booked()
        mails()
        sent = mails(at=session.starts_at - timedelta(minutes=50))
        assert {m.subject for m in sent} == {
            "In 50 minutes: your session with Bob Mentor",
            "In 50 minutes: your session with Alice Founder",
        }

    def test_none_comes_when_it_has_begun(self):
        session = booked()
        mails()
        assert mails(at=session.starts_at) == []


class TestWaitlistOffer:
    def offer(self, **changes):
        mentee = alice(time_zone="Europe/Berlin").mentee
        window = open_window(bob(time_zone="America/New_York").mentor, location="Room 5")
        now = timezone.now()
        entry = WaitlistEntry.objects.create(
            mentor=window.mentor, mentee=mentee, goal="Seed", state="offered"
        )
        hold = Hold.objects.create(
            mentor=window.mentor,
            mentee=mentee,
            window=window,
            starts_at=window.starts_at,
            ends_at=window.starts_at + timedelta(minutes=30),
            entry=entry,
            expires_at=now + timedelta(hours=12),
            **changes,
        )
        notifications.tell_of_hold(hold, now=now)
        return hold

    def test_it_says_what_is_kept_and_until_when(self):
        hold = self.offer()
        message = mail_to("alice@example.com")

        until = hold.expires_at.astimezone(hold.mentee.user.zone)
        assert message.subject.startswith("A time with Bob Mentor is kept for you: ")
        assert f"Kept until: {until:%a} {until.day} {until:%B %Y, %H:%M}" in message.body
        assert "Where: Room 5" in message.body
        assert links_in(message)["Take it or pass it on"].startswith("/l/o")
        assert "List-Unsubscribe" in message.extra_headers

    def test_told_twice_it_is_one_message(self):
        hold = self.offer()
        notifications.tell_of_hold(hold, now=timezone.now())
        assert len(mails()) == 1

    @pytest.mark.parametrize("state", ["used", "passed", "expired"])
    def test_an_offer_that_is_over_is_not_made(self, state):
        self.offer(state=state)
        assert mails() == []

    def test_nor_one_whose_time_is_up(self):
        hold = self.offer()
        assert mails(at=hold.expires_at) == []


class TestAbsence:
    def test_who_is_said_to_be_absent_reads_until_when_they_can_disagree(self):
        session = completed()
        mails(at=session.ends_at)
        services.report_absence(
            session_id=session.pk,
            by=session.mentor.user,
            side="mentee",
            clock=lambda: session.ends_at,
        )

        message = mail_to("alice@example.com", at=session.ends_at)

        until = (session.ends_at + timedelta(hours=48)).astimezone(session.mentee.user.zone)
        assert "Did not come: Alice Founder" in message.body
        assert f"disagree until: {until:%a} {until.day} {until:%B %Y, %H:%M}" in message.body
        assert f"/mentors/{session.mentor_id}/" in message.body


class TestHtml:
    def test_facts_links_and_a_button_come_from_plain_lines(self):
        found = blocks(
            "Hello {{ recipient_name }}\n\nWhen: {{ when }}\nGoal: {{ goal }}\n\n"
            "Open: {{ session_url }}\nMove it: {{ move_url }}",
            {
                "recipient_name": "A<b>",
                "when": "Mon",
                "goal": "",
                "session_url": "u1",
                "move_url": "u2",
            },
        )
        assert found[0].lines == ["Hello A&lt;b&gt;"]
        assert found[1].facts == [("When", "Mon")]
        assert [(x.words, x.address, x.is_main) for x in found[2].links] == [
            ("Open", "u1", True),
            ("Move it", "u2", False),
        ]

    def test_what_people_type_is_text_and_never_a_link_or_a_variable(self):
        session = booked(goal="<img src=x> https://evil.example {{ session_url }}")
        html = html_of(mail_to("bob@example.com"))

        assert "<img" not in html
        assert 'href="https://evil.example' not in html
        assert "{{ session_url }}" in html
        assert f"/sessions/{session.pk}/" in html

    def test_html_and_text_carry_the_same_links(self):
        booked()
        message = mail_to("alice@example.com")
        assert set(links_in(message)) == {"See the session", "Move it", "Cancel it"}
        for path in links_in(message).values():
            assert path in html_of(message)

    @pytest.mark.parametrize("kind", list(SHIPPED))
    def test_every_kind_can_be_written(self, kind):
        letter = write_letter(SHIPPED[kind], sample_of(kind))
        for text in (letter.subject, letter.text, letter.html):
            assert "{{" not in text
            assert text.strip()
        assert unknown_variables(SHIPPED[kind].subject, SHIPPED[kind].body) == []

    def test_every_variable_has_a_meaning_and_a_sample(self):
        assert VARIABLES.keys() == SAMPLE.keys()
        assert ONLY_IN.keys() <= VARIABLES.keys()

    @pytest.mark.parametrize("kind", list(SHIPPED))
    def test_shipped_words_use_what_their_message_has(self, kind):
        own = sample_of(kind)
        for name in VARIABLES:
            if f"{{{{ {name} }}}}" in SHIPPED[kind].body:
                assert own[name], name

    def test_a_line_about_nothing_is_left_out_whatever_it_names_before(self):
        words = "For {{ other_name }}: {{ their_time }}\nEnd"
        assert fill(words, {"other_name": "Bob", "their_time": ""}) == "End"


class TestTemplatesInTheConsole:
    def test_a_preview_shows_unsaved_words_with_samples_and_saves_nothing(self):
        answer = console(carol()).post(
            f"{TEMPLATES}preview/",
            {
                "name": "Session booked",
                "channel": "email",
                "subject": "Yes! {{ when }}",
                "body": "Dear {{ recipient_name }}, {{ recipient_nam }} <b>\n\nOpen: {{ session_url }}",
            },
        )
        page = answer.content.decode()

        assert answer.status_code == 200
        assert "Yes! Tue 8 December 2026, 14:30 (Europe/Berlin)" in page
        assert "Dear Alice, {{ recipient_nam }} &lt;b&gt;" in page
        assert "“recipient_nam” is not a variable. Did you mean recipient_name?" in page
        assert "frame-ancestors &#x27;self&#x27;" not in page
        assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "SAMEORIGIN"
        assert not MessageTemplate.objects.exists()

    def test_a_preview_runs_nothing(self):
        answer = console(carol()).post(
            f"{TEMPLATES}preview/",
            {"name": "Session booked", "body": "<script>alert(1)</script>"},
        )
        assert b"<script>alert" not in answer.content
        assert "default-src 'none'" in answer["Content-Security-Policy"]

    def test_without_words_the_preview_shows_ours(self):
        answer = console(carol()).post(f"{TEMPLATES}preview/", {"name": "Session moved"})
        assert "has a new time" in answer.content.decode()
        assert "our own go out" in answer.content.decode()

    def test_a_slip_is_refused_by_name_and_what_was_typed_stays(self):
        answer = console(carol()).post(
            f"{TEMPLATES}add/",
            {
                "name": "Session booked",
                "channel": "email",
                "subject": "S",
                "body": "My own words {{ wen }} {{ goal.__class__ }}",
                "is_active": "on",
            },
        )
        page = answer.content.decode()
        assert answer.status_code == 200
        assert "“wen” is not a variable. Did you mean when?" in page
        assert "“goal.__class__” is not a variable of our messages." in page
        assert "My own words" in page
        assert not MessageTemplate.objects.exists()

    def test_one_starts_from_our_words_and_the_variables_are_listed(self):
        page = console(carol()).get(f"{TEMPLATES}add/?name=Session+moved").content.decode()
        assert "has a new time" in page
        for name in VARIABLES:
            assert f"{{{{ {name} }}}}" in page

    def test_what_is_saved_goes_out(self):
        desk = console(carol())
        desk.post(
            f"{TEMPLATES}add/",
            {
                "name": "Session booked",
                "channel": "email",
                "subject": "Ours: {{ mentor_name }}",
                "body": "Come, {{ recipient_name }}.",
                "is_active": "on",
            },
        )
        row = MessageTemplate.objects.get()
        booked()

        message = mail_to("alice@example.com")

        assert (message.subject, message.body) == ("Ours: Bob Mentor", "Come, Alice.")
        saved = desk.get(f"{TEMPLATES}{row.pk}/change/").content.decode()
        assert "Come, {{ recipient_name }}." in saved

    def test_a_name_from_elsewhere_is_kept(self):
        row = MessageTemplate.objects.create(name="Welcome", body="Hello")
        desk = console(carol())
        form = {
            "name": "Welcome",
            "channel": "email",
            "subject": "",
            "body": "Hi",
            "is_active": "on",
        }
        desk.post(f"{TEMPLATES}{row.pk}/change/", form)
        row.refresh_from_db()
        assert (row.name, row.body) == ("Welcome", "Hi")

    def test_it_is_the_program_managers_page(self):
        for person in (alice(), bob()):
            answer = browser(person).post(f"{TEMPLATES}preview/", {"name": "Session booked"})
            assert answer.status_code == 403

    def test_an_unsubscribe_line_stands_under_what_can_be_stopped(self):
        letter = write_letter(Wording("S", "B"), {}, stop="https://x/l/u/")
        assert letter.text == "B\n\n-- \nStop messages like this one: https://x/l/u/"
        assert 'href="https://x/l/u/"' in letter.html
