"""The rows of the console's lists: each with its own controls, its own link, and nothing that is not escaped."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests import people
from tests.config.console import booked, console
from tests.factories import MenteeFactory, MentorFactory

pytestmark = pytest.mark.django_db
MENTORS = "/admin/mentors/mentor/"
SESSIONS = "/admin/sessions_app/session/"


@pytest.fixture
def carol():
    return console(people.carol())


def rows(answer) -> list[str]:
    """The rows of a list as they were sent."""
    page = answer.content.decode()
    return re.findall(r'<tr class="data-row">.*?</tr>', page, re.DOTALL)


def edited(mentors, **first) -> dict[str, str]:
    """What the list sends when it is saved, as it stands but for the first row."""
    sent = {"form-TOTAL_FORMS": str(len(mentors)), "form-INITIAL_FORMS": str(len(mentors))}
    for n, mentor in enumerate(mentors):
        sent |= {f"form-{n}-id": str(mentor.pk), f"form-{n}-visibility": mentor.visibility}
        sent |= {f"form-{n}-is_active": "on"} if mentor.is_active else {}
    return sent | {f"form-0-{name}": value for name, value in first.items()} | {"_save": "1"}


def test_each_row_has_controls_of_its_own(carol):
    shown = [("Ada", "public", True), ("Ben", "limited", True), ("Cem", "public", False)]
    mentors = [
        MentorFactory(user__name=name, visibility=visibility, is_active=is_active)
        for name, visibility, is_active in shown
    ]
    answer = carol.get(MENTORS)
    for n, (mentor, row) in enumerate(zip(mentors, rows(answer), strict=True)):
        assert re.search(rf'name="_selected_action" value="{mentor.pk}"', row)
        select = re.search(r"<select[^>]*>.*?</select>", row, re.DOTALL)
        assert select is not None
        assert f'name="form-{n}-visibility"' in select[0]
        assert f'id="id_form-{n}-visibility"' in select[0]
        assert re.findall(r'value="(\w+)" selected', select[0]) == [mentor.visibility]
        switch = re.search(rf'<input[^>]*name="form-{n}-is_active"[^>]*>', row)
        assert switch is not None
        assert ("checked" in switch[0].replace("checked:", "")) == mentor.is_active
        key = f'<input type="hidden" name="form-{n}-id" value="{mentor.pk}">'
        assert key in answer.content.decode()


def test_a_row_is_changed_in_the_list_and_no_other(carol):
    ada, ben = MentorFactory(user__name="Ada"), MentorFactory(user__name="Ben")
    answer = carol.post(MENTORS, edited([ada, ben], visibility="private"))
    assert answer.status_code == 302
    ada.refresh_from_db()
    ben.refresh_from_db()
    assert (ada.visibility, ben.visibility) == ("private", "public")


def test_what_is_wrong_with_a_row_is_said_in_it(carol):
    mentors = [MentorFactory(user__name="Ada"), MentorFactory(user__name="Ben")]
    answer = carol.post(MENTORS, edited(mentors, visibility="nobody"))
    first, second = rows(answer)
    assert "nobody is not one of the available choices" in first
    assert "errors group" in first
    assert "errors group" not in second


def test_a_row_leads_to_its_page_and_back_to_the_list_as_it_was(carol):
    mentor = MentorFactory(user__name="Ada", is_active=True)
    (row,) = rows(carol.get(f"{MENTORS}?is_active__exact=1"))
    heading = re.search(r'<th scope="row"[^>]*><a href="([^"]+)">(.*?)</a></th>', row)
    assert heading is not None
    assert "Ada" in heading[2]
    page = carol.get(unescape(heading[1]))
    assert page.context["original"] == mentor
    assert "is_active__exact" in heading[1]


def test_a_name_is_text_and_nothing_more(carol):
    mentor = MentorFactory(user__name="<script>alert(1)</script>", company='"><b>')
    booked(mentor, MenteeFactory(user__name="<i>Eve</i>"))
    for page in (MENTORS, SESSIONS):
        (row,) = rows(carol.get(page))
        assert "<script>" not in row
        assert "<i>" not in row
        assert "<b>" not in row
        assert "&lt;script&gt;" in row


def test_a_state_is_drawn_once_and_shown_in_every_row_that_has_it(carol):
    states = ("booked", "cancelled", "booked")
    for state in states:
        booked(MentorFactory(), MenteeFactory(), status=state)
    shown = [
        "".join(re.findall(r"field-shown_status[^>]*>(.*?)</td>", row, re.DOTALL))
        for row in rows(carol.get(SESSIONS))
    ]
    words = [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in shown]
    assert sorted(words) == ["Booked", "Booked", "Cancelled"]


def test_a_list_without_rows_says_so(carol):
    answer = carol.get(SESSIONS)
    assert rows(answer) == []
    assert "Nothing here" in answer.content.decode()
