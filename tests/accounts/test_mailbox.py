"""Mail as files, and the pages that show them on a development machine."""

from __future__ import annotations

import importlib

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from django.test import Client
from django.urls import clear_url_caches

from accounts import mailbox, urls
from config import urls as config_urls

BACKEND = "accounts.mailbox.FileMailBackend"


@pytest.fixture
def folder(settings, tmp_path):
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    return tmp_path / "mail"


@pytest.fixture
def demo(settings, folder):
    """A machine in demo mode: the mailbox has addresses there, and only there."""
    settings.DEMO = True
    for module in (urls, config_urls):
        importlib.reload(module)
    clear_url_caches()
    yield Client()
    settings.DEMO = False
    for module in (urls, config_urls):
        importlib.reload(module)
    clear_url_caches()


def send(subject="Hello", to="alice@example.com", message_id="<1@test>", **parts):
    message = EmailMultiAlternatives(
        subject, parts.get("text", "Plain words"), "hours@example.com", [to],
        headers={"Message-ID": message_id}, connection=get_connection(BACKEND),
    )  # fmt: skip
    if "html" in parts:
        message.attach_alternative(parts["html"], "text/html")
    for attachment in parts.get("files", []):
        message.attach(*attachment)
    assert message.send() == 1


def test_each_mail_is_one_whole_file_newest_first(folder):
    send("First", message_id="<1@test>")
    send("Second", message_id="<2@test>")
    assert [mail.subject for mail in mailbox.mails()] == ["Second", "First"]
    assert [path.suffix for path in folder.iterdir()] == [".eml", ".eml"]


def test_a_repeat_replaces_the_earlier_one(folder):
    send("Booked", message_id="<1@test>")
    send("Other", message_id="<2@test>")
    send("Booked", message_id="<1@test>")
    assert [mail.subject for mail in mailbox.mails()] == ["Booked", "Other"]


@pytest.mark.parametrize(
    "name",
    ["../secret.eml", "..", "", "/etc/passwd", "20260302T103000000000-0123456789abcdef.eml/../x", "x.eml",
     "20260302T103000000000-0123456789abcdef.eml\n"],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(folder, name):
    folder.mkdir()
    (folder.parent / "secret.eml").write_text("Subject: secret\n\n")
    (folder / "x.eml").write_text("Subject: not ours\n\n")
    assert mailbox.mail_named(name) is None
    assert mailbox.mails() == []


@pytest.mark.django_db
def test_the_pages_show_text_html_source_and_attachments(demo):
    calendar = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
    send(
        "Your session <b>",
        html="<p>Rich <script>alert(1)</script></p>",
        files=[
            ("invite.ics", calendar, "text/calendar"),
            ("../../evil\r\n.exe", b"MZ", "application/x-dosexec"),
        ],
    )
    page = demo.get("/dev/mail/").content.decode()
    assert "Your session &lt;b&gt;" in page
    assert "alice@example.com" in page
    (mail,) = mailbox.mails()
    page = demo.get(f"/dev/mail/{mail.name}/").content.decode()
    assert "Plain words" in page
    assert "<script>alert" not in page
    assert "invite.ics" in page
    html = demo.get(f"/dev/mail/{mail.name}/html/")
    assert html.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert html.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "Rich" in html.content.decode()
    assert "Subject: Your session" in demo.get(f"/dev/mail/{mail.name}/source/").content.decode()
    file = demo.get(f"/dev/mail/{mail.name}/files/0/")
    assert file.headers["Content-Disposition"] == 'attachment; filename="invite.ics"'
    assert b"BEGIN:VCALENDAR" in file.content
    evil = demo.get(f"/dev/mail/{mail.name}/files/1/")
    assert "/" not in evil.headers["Content-Disposition"]
    assert demo.get(f"/dev/mail/{mail.name}/files/9/").status_code == 404
    assert demo.get("/dev/mail/unknown.eml/").status_code == 404


@pytest.mark.django_db
def test_an_empty_mailbox_says_so(demo):
    assert "No mail yet" in demo.get("/dev/mail/").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "from_where", [{"REMOTE_ADDR": "192.0.2.7"}, {"headers": {"X-Forwarded-For": "192.0.2.7"}}]
)
def test_only_the_machine_itself_may_look(demo, from_where):
    assert demo.get("/dev/mail/").status_code == 200
    assert demo.get("/dev/mail/", **from_where).status_code == 404


@pytest.mark.django_db
def test_without_demo_there_is_no_mailbox():
    assert Client().get("/dev/mail/").status_code == 404
