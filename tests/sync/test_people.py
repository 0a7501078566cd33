"""People whom a program manager enters in Airtable: looked up at sign-in, invited once, welcomed."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import User
from mentors.models import Mentee, Mentor
from sync import invitations, letters, people
from sync.models import RecordLink, WebhookRegistration
from sync.people_models import Invitation
from tests.config.console import console
from tests.people import alice, bob, browser, carol, mallory
from tests.sync.comparing import run
from tests.sync.conftest import drain, pull

CODE = re.compile(r"\b[A-Z0-9]{3,4}-[A-Z0-9]{3,4}\b")
LINK = re.compile(r"/welcome/\S+/")


@pytest.fixture(autouse=True)
def afresh(settings):
    """Nothing is remembered from other tests; a look-up has the time that it has in the product."""
    settings.PERSON_LOOKUP_SECONDS = 1.5
    cache.clear()


def in_a_minute():
    return timezone.now() + timedelta(minutes=1)


def in_an_hour():
    return timezone.now() + timedelta(hours=1)


def send(clock=in_a_minute):
    return letters.send_due(clock=clock)


def ask_for_code(email, client=None):
    client = client or Client()
    return client, client.post("/accounts/login/code/", {"email": email})


def code_in_mail():
    return CODE.search(mail.outbox[-1].body)[0]


def press_the_button(client, page):
    """The page's form as a browser sends it: its mark, and the origin that the page lets it tell."""
    html = page.content.decode()
    secret = page.headers.get("Referrer-Policy") == "no-referrer"
    return client.post(
        re.search(r'<form class="form" method="post" action="([^"]+)"', html)[1],
        dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', html)),
        headers={"origin": "null" if secret else "http://testserver"},
    )


def sign_in(email, client=None):
    client, answer = ask_for_code(email, client)
    client.post(answer.url, {"code": code_in_mail()})
    return client


class TestSomebodyUnknownSignsIn:
    def test_a_mentor_in_airtable_is_in_at_the_first_try(self, base):
        base.create("Mentors", Name="Dana New", Email="Dana@Example.com ", Is_Active=True)
        client = sign_in("dana@example.com")

        user = User.objects.get(email="dana@example.com")
        assert client.session["_auth_user_id"] == str(user.pk)
        assert user.mentor.is_active
        assert EmailAddress.objects.get(user=user).verified

    def test_the_webhooks_news_of_the_same_row_changes_nothing(self, base):
        pull()
        record = base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
        sign_in("dana@example.com")
        pull()
        drain()

        assert Mentor.objects.count() == 1
        link = RecordLink.objects.get(subject="mentor")
        assert (link.record_id, link.state) == (record, "linked")

    def test_an_apostrophe_in_an_address_is_no_formula(self, base):
        base.create("Mentees", Name="Pat O'Brien", Email="pat.o'brien@example.com")
        sign_in("pat.o'brien@example.com")
        assert Mentee.objects.get().user.name == "Pat O'Brien"

    def test_a_stranger_is_answered_like_somebody_we_know(self, base):
        alice()
        known = ask_for_code("alice@example.com")[1]
        unknown = ask_for_code("zoe@example.com")[1]
        assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
        assert not User.objects.filter(email="zoe@example.com").exists()

    def test_known_unknown_and_asked_before_take_as_long(self, base, settings):
        settings.PERSON_LOOKUP_SECONDS = 0.6
        alice()
        taken = []
        for email in ("alice@example.com", "zoe@example.com", "zoe@example.com"):
            started = time.monotonic()
            ask_for_code(email)
            taken.append(time.monotonic() - started)
        assert min(taken) >= settings.PERSON_LOOKUP_SECONDS
        assert max(taken) - min(taken) < settings.PERSON_LOOKUP_SECONDS

    def test_a_base_that_hangs_is_not_waited_for(self, base, settings):
        base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
        base.fault("timeout_after_apply", method="GET", delay=8)
        started = time.monotonic()
        ask_for_code("dana@example.com")
        assert time.monotonic() - started < 5

    def test_the_base_is_asked_once_about_an_address(self, base):
        ask_for_code("zoe@example.com")
        asked = len(base.requests("GET"))
        assert asked > 0
        for _ in range(2):
            ask_for_code("zoe@example.com")
        assert len(base.requests("GET")) == asked

    def test_strangers_together_cannot_spend_the_months_requests(self, base, monkeypatch):
        now = timezone.now().replace(second=1)
        monkeypatch.setattr(people, "MOST_A_MINUTE", 2)
        for n in range(5):
            people.look_up(email=f"stranger{n}@example.com", now=now)
        searched = [r for r in base.requests("GET") if "filterByFormula" in r["query"]]
        assert len(searched) == 2 * 2

    def test_without_a_base_nothing_is_asked_or_waited_for(self, db, settings):
        settings.PERSON_LOOKUP_SECONDS = 0.0
        started = time.monotonic()
        ask_for_code("zoe@example.com")
        assert time.monotonic() - started < 1.5


class TestNoTakeover:
    def test_an_unconfirmed_account_loses_its_password_before_it_is_linked(self, base):
        """Mallory signed up with Dana's address and a password, and waits for Dana to be entered."""
        mallorys = User.objects.create_user("dana@example.com", "mallorys-password", name="M")
        EmailAddress.objects.create(user=mallorys, email="dana@example.com", primary=True)
        there = browser(mallorys)
        pull()
        base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
        pull()

        mallorys.refresh_from_db()
        assert not mallorys.has_usable_password()
        assert there.get("/settings/").status_code == 302

    def test_a_look_up_makes_an_account_with_no_way_in_but_the_code(self, base):
        base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
        ask_for_code("dana@example.com")
        user = User.objects.get(email="dana@example.com")
        assert not user.has_usable_password()
        assert not EmailAddress.objects.get(user=user).verified
        assert mail.outbox[-1].to == ["dana@example.com"]


class TestAnInvitation:
    def entered(self, base, **more):
        pull()
        base.create("Mentors", Name="Dana New", Email="dana@example.com", Is_Active=True, **more)
        pull()
        return Invitation.objects.get()

    def test_goes_out_once_whatever_happens_to_the_row(self, base):
        self.entered(base)
        record = base.row("Mentors", Name="Dana New")["id"]
        assert send() == 1
        base.edit("Mentors", record, Headline="Edited")
        pull()
        drain()
        pull()
        send()
        send(in_an_hour)

        assert [message.to for message in mail.outbox] == [["dana@example.com"]]
        assert Invitation.objects.get().state == "sent"
        assert "mentor" in mail.outbox[0].body

    def test_waits_until_the_address_has_been_typed(self, base):
        self.entered(base)
        assert send(timezone.now) == 0
        base.edit("Mentors", base.row("Mentors", Name="Dana New")["id"], Email="d@example.com")
        pull()
        drain()
        assert send() == 1

        assert [message.to for message in mail.outbox] == [["d@example.com"]]
        assert User.objects.get().email == "d@example.com"
        fields = base.row("Mentors", Name="Dana New")["fields"]
        assert (fields["Email"], "Sync Message" in fields) == ("d@example.com", False)

    def test_that_went_to_a_wrong_address_goes_to_the_right_one_and_the_old_link_ends(self, base):
        self.entered(base)
        send()
        base.edit("Mentors", base.row("Mentors", Name="Dana New")["id"], Email="d@example.com")
        pull()
        send()

        assert [message.to[0] for message in mail.outbox] == ["dana@example.com", "d@example.com"]
        old, new = (LINK.search(message.body)[0] for message in mail.outbox)
        assert Client().get(old).status_code == 410
        assert Client().get(new).status_code == 200

    def test_is_claimed_by_code_and_leads_to_the_weekly_hours(self, base):
        self.entered(base)
        send()
        client = Client(enforce_csrf_checks=True, headers={"Accept-Language": "es"})
        client.cookies["tz"] = "Europe/Madrid"
        page = client.get(LINK.search(mail.outbox[0].body)[0])
        assert b"dana@example.com" in page.content
        asked = press_the_button(client, page)
        assert asked.status_code == 302, "The button of the invitation asks for the code."
        client.handler.enforce_csrf_checks = False
        client.post(asked.url, {"code": code_in_mail()})

        answer = client.get("/")
        assert answer.url == "/hours/weekly/add/"
        user = User.objects.get()
        assert (user.time_zone, user.language) == ("Europe/Madrid", "es")
        assert user.invitation.state == "done"
        [told] = client.get(answer.url).context["messages"]
        assert "¿Cuándo se puede reservar contigo?" in str(told)
        assert client.get("/").url == "/sessions/"  # once

    def test_opening_the_link_signs_nobody_in(self, base):
        self.entered(base)
        send()
        client = Client()
        client.get(LINK.search(mail.outbox[0].body)[0])
        assert "_auth_user_id" not in client.session
        assert Invitation.objects.get().claimed_at is None
        assert client.get("/welcome/nonsense/").content.count(b"This link has ended") == 2

    def test_is_not_needed_by_somebody_who_came_by_themselves(self, base):
        base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
        sign_in("dana@example.com")
        mail.outbox.clear()
        send(in_an_hour)
        assert not mail.outbox
        assert Invitation.objects.get().by_themselves

    def test_is_sent_after_all_if_somebody_else_typed_their_address(self, base):
        base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
        ask_for_code("dana@example.com")
        mail.outbox.clear()
        send(in_a_minute)
        assert not mail.outbox
        send(in_an_hour)
        assert [message.to for message in mail.outbox] == [["dana@example.com"]]

    def test_is_not_sent_to_people_who_are_here(self, base):
        pull()
        alice()
        base.create("Mentors", Name="Alice", Email="alice@example.com", Is_Active=True)
        pull()
        assert Mentor.objects.get().user.email == "alice@example.com"
        assert not Invitation.objects.exists()

    def test_is_dropped_when_the_row_is_deleted_again(self, base):
        self.entered(base)
        base.delete("Mentors", base.row("Mentors", Name="Dana New")["id"])
        pull()
        send(in_an_hour)
        assert not mail.outbox
        assert Invitation.objects.get().state == "dropped"

    def test_rows_that_were_there_before_us_wait_for_a_program_manager(self, base):
        base.create("Mentors", Name="Old Hand", Email="old@example.com", Is_Active=True)
        base.server.clock.advance(timedelta(minutes=5))
        pull()
        WebhookRegistration.objects.update(created_at=timezone.now() + timedelta(minutes=5))

        run("sync_backfill")
        send(in_an_hour)
        assert not mail.outbox
        held = Invitation.objects.get()
        assert held.state == "held"

        assert invitations.send_again(ids=[held.pk], now=timezone.now()) == 1
        send()
        assert [message.to for message in mail.outbox] == [["old@example.com"]]

    def test_when_the_mail_server_is_away_it_is_sent_later_under_the_same_id(self, base, settings):
        self.entered(base)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        assert send() == 0
        row = Invitation.objects.get()
        assert (row.state, row.attempts) == ("due", 1)
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        assert send(in_an_hour) == 1
        assert mail.outbox[0].extra_headers["Message-ID"] == row.message_id


class TestAnotherAddressForSomebodyWhoIsHere:
    def asked(self, base):
        pull()
        person = bob(areas=["Sales"])
        drain()
        pull()
        record = base.of("Mentors", person.mentor)["id"]
        base.edit("Mentors", record, Email="bob@new.example.com", Headline="Changed with it")
        pull()
        drain()
        return person

    def test_the_owner_is_asked_at_the_address_they_have(self, base):
        person = self.asked(base)
        send()

        assert [message.to for message in mail.outbox] == [["bob@example.com"]]
        assert "bob@new.example.com" in mail.outbox[0].body
        fields = base.of("Mentors", person.mentor)["fields"]
        assert fields["Email"] == "bob@example.com"
        assert "was asked" in fields["Sync Message"]
        person.mentor.refresh_from_db()
        assert person.mentor.headline == "Changed with it"

    def test_after_their_yes_and_the_code_it_is_the_address_on_both_sides(self, base):
        person = self.asked(base)
        client = browser(person)
        answer = client.post("/settings/address/", {"use": "1"})
        assert User.objects.get(pk=person.pk).email == "bob@example.com"  # not before the code
        assert mail.outbox[-1].to == ["bob@new.example.com"]
        client.post(answer.url, {"code": code_in_mail()})

        person.refresh_from_db()
        assert person.email == "bob@new.example.com"
        assert person.address_change.state == "done"
        drain()
        assert base.of("Mentors", person.mentor)["fields"]["Email"] == "bob@new.example.com"
        pull()
        person.refresh_from_db()
        assert person.email == "bob@new.example.com"

    def test_they_may_keep_the_one_they_have(self, base):
        person = self.asked(base)
        client = browser(person)
        client.post("/settings/address/", {"keep": "1"})
        person.refresh_from_db()
        assert (person.email, person.address_change.state) == ("bob@example.com", "dropped")
        assert b"nothing to decide" in client.get("/settings/address/").content

    def test_whoever_has_the_new_mailbox_gets_nothing_by_it(self, base):
        """Mallory may edit the base, and wrote her own address into Bob's row."""
        self.asked(base)
        send()
        assert all(message.to == ["bob@example.com"] for message in mail.outbox)
        ask_for_code("bob@new.example.com")
        assert not any(CODE.search(m.body) for m in mail.outbox if m.to == ["bob@new.example.com"])

    def test_an_address_that_another_person_has_is_refused(self, base):
        alice()
        person = bob()
        pull()
        drain()
        pull()
        record = base.of("Mentors", person.mentor)["id"]
        base.edit("Mentors", record, Email="alice@example.com")
        pull()
        drain()
        assert "Another person" in base.of("Mentors", person.mentor)["fields"]["Sync Message"]
        send(in_an_hour)
        assert not mail.outbox


class TestTheConsole:
    def test_a_program_manager_sends_it_again_from_the_list(self, base):
        pull()
        base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
        pull()
        send()
        row = Invitation.objects.get()
        page = console(carol())
        assert "Sent" in page.get("/admin/sync/invitation/").content.decode()

        page.post("/admin/sync/invitation/", {"action": "send", "_selected_action": [str(row.pk)]})
        send()

        assert [message.to for message in mail.outbox] == [["dana@example.com"]] * 2
        ids = {message.extra_headers["Message-ID"] for message in mail.outbox}
        assert len(ids) == 2

    def test_mallory_has_no_business_there(self, base):
        assert console(mallory()).get("/admin/sync/invitation/").status_code == 403
