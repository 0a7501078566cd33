"""What a list is called, it is called everywhere; and what a page is made of is told to whoever cannot see it."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape
from pathlib import Path

import pytest
import unfold
from celery import current_app
from django.core.management import call_command
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from config.admin_menu import ROOMS
from config.environment import BASE_DIR
from tests import people
from tests.config.console import console, superuser

pytestmark = pytest.mark.django_db
EVERYTHING = "/admin/everything/"


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def crumbs(answer) -> str:
    """The heading of a page, which says where one is."""
    (heading,) = re.findall(r"<h1[^>]*>(.*?)</h1>", answer.content.decode(), re.DOTALL)
    return text_of(heading)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_list_and_its_group_are_called_what_the_menu_calls_them(language):
    root = superuser()
    type(root).objects.filter(pk=root.pk).update(language=language)
    browser = console(root)
    menu = browser.get("/admin/").context["sidebar_navigation"]
    for group, (heading, entries) in zip(menu[1:], ROOMS, strict=True):
        for shown, (_label, _icon, app, model, *page) in zip(group["items"], entries, strict=True):
            if page:
                continue
            answer = browser.get(reverse(f"admin:{app}_{model}_changelist"), follow=True)
            said = crumbs(answer)
            assert shown["title"] in said, (model, said)
            # What people are and what they are told lie in two rooms each, so these are called by their app.
            assert said.startswith(str(group["title"])) or app in ("accounts", "django_celery_beat")
            assert heading


def test_everything_has_each_room_once_and_each_list_in_it():
    page = console(superuser()).get(EVERYTHING).content.decode()
    rooms = re.findall(r'<section class="found-kind".*?</section>', page, re.DOTALL)
    headings = [text_of(re.findall(r"<h2[^>]*>(.*?)</h2>", room)[0]) for room in rooms]
    assert headings == [heading for heading, _entries in ROOMS]
    assert set(Counter(headings).values()) == {1}
    for room, (_heading, entries) in zip(rooms, ROOMS, strict=True):
        for _label, _icon, app, model, *_page in entries:
            assert f'href="/admin/{app}/{model}/"' in room
    # What the menu leaves out stands where its app's other lists do, or last.
    assert "/admin/sync/reconciledifference/" in rooms[-2]
    assert "/admin/django_celery_beat/crontabschedule/" in rooms[-1]
    assert "/admin/usersessions/usersession/" in rooms[-1]


def test_everything_offers_to_add_what_may_be_added():
    page = console(people.carol()).get(EVERYTHING).content.decode()
    assert 'href="/admin/mentors/block/add/" class="add" aria-label="Add pair kept apart"' in page
    assert "/admin/sync/outboxrow/add/" not in page
    assert "/admin/auth/group/" not in page


def test_the_first_crumb_leads_to_everything():
    assert console(people.carol()).get("/admin/mentors/")["Location"] == EVERYTHING


def test_a_page_says_which_part_of_it_is_the_work():
    page = console(people.carol()).get("/admin/mentors/mentor/").content.decode()
    (work,) = re.findall(r"<main.*</main>", page, re.DOTALL)
    assert "<h1" in work
    assert 'id="changelist"' in work
    assert "nav-sidebar" not in work
    # Of the two ways to search a page offers, one says that it is for everything.
    searches = re.findall(r'<form[^>]*role="search"[^>]*>', page)
    assert [re.findall('aria-label="([^"]+)"', form) for form in searches] == [
        ["Find anything"],
        [],
    ]


def test_our_layout_is_unfolds_with_that_part_named_and_nothing_else():
    """When unfold changes its own, ours is to follow."""
    theirs = (Path(unfold.__file__).parent / "templates/admin/base.html").read_text()
    ours = (BASE_DIR / "templates/admin/base.html").read_text()
    assert ours.count("<main") == ours.count("</main>") == 1
    assert ours.replace("<main", "<div").replace("</main>", "</div>") == theirs


def test_nothing_is_scheduled_that_is_not_ours():
    """Beat adds a schedule of its own where results are kept. Ours are not, and it has no name for people."""
    crontab = CrontabSchedule.objects.create(hour="4", minute="0")
    PeriodicTask.objects.create(
        name="celery.backend_cleanup", task="celery.backend_cleanup", crontab=crontab
    )
    call_command("migrate", verbosity=0)
    assert not PeriodicTask.objects.filter(task__startswith="celery.").exists()
    assert current_app.conf.result_expires is None


def test_schedules_have_names_in_the_readers_language():
    carol = people.carol(language="es")
    page = text_of(console(carol).get("/admin/django_celery_beat/periodictask/").content.decode())
    assert "Enviar las invitaciones" in page
    assert "Send invitations" not in page
