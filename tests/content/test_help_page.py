"""The help page: what program managers wrote, by category and by search."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from content.models import HelpPrompt
from tests.people import alice, bob, browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def prompts():
    for category, topic, response in (
        ("Booking", "How do I book?", "Pick a free time."),
        ("Changing", "I have to cancel. What happens?", "The time becomes free for others."),
        ("Changing", "Can I move a session?", "Yes, see https://example.com/moving for pictures."),
        ("Privacy", "Who reads my notes?", "Nobody but you."),
    ):
        HelpPrompt.objects.create(category=category, topic=topic, response=response)
    HelpPrompt.objects.create(category="Old", topic="The fax number", response="-", is_active=False)


def shown(client, address="/help/", **headers):
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.usefixtures("prompts")
class TestHelp:
    def test_it_lists_the_questions_by_category(self):
        page = shown(browser(alice()))
        assert page.count('class="help-group"') == 3
        assert page.index("Changing</h2>") < page.index("Booking</h2>") < page.index("Privacy</h2>")
        assert "The fax number" not in page
        assert 'href="https://example.com/moving"' in page

    def test_it_is_in_the_menu_of_everybody_who_is_signed_in(self):
        for person in (alice(), bob()):
            assert 'href="/help/" aria-current="page"' in shown(browser(person))

    def test_strangers_sign_in_first(self):
        answer = Client().get("/help/?q=move")
        assert answer["Location"] == "/accounts/login/?next=/help/%3Fq%3Dmove"

    @pytest.mark.parametrize(
        ("search", "first"),
        [
            ("cancelling", "I have to cancel"),
            ("moved", "Can I move"),
            ("picturesque OR notes", "Who reads"),
            ("MOVING pictures", "Can I move"),
            ("boo", "How do I book"),
        ],
    )
    def test_a_search_finds_other_forms_and_parts_of_words(self, search, first):
        page = shown(browser(alice()), f"/help/?q={search.replace(' ', '+')}")
        assert page.index("answer-title") < page.index(first)
        assert page[page.index("answer-title") :].startswith(f'answer-title">{first}')

    def test_a_search_that_finds_nothing_says_so_and_keeps_the_words(self):
        page = shown(browser(alice()), "/help/?q=%3Cb%3Ezeppelin")
        assert "No answer fits “&lt;b&gt;zeppelin”" in page
        assert 'value="&lt;b&gt;zeppelin"' in page

    def test_htmx_gets_the_answers_alone_and_says_how_many(self):
        page = shown(browser(alice()), "/help/?q=cancel", **{"HX-Request": "true"})
        assert "<html" not in page
        assert '<div id="live" hx-swap-oob="innerHTML">1 answer</div>' in page

    @pytest.mark.parametrize("search", ["' OR 1=1 --", "&!|(:*", '"', "a" * 5000, "\\"])
    def test_whatever_is_typed_is_only_looked_for(self, search):
        answer = browser(alice()).get("/help/", {"q": search})
        assert answer.status_code == 200

    def test_the_queries_do_not_grow_with_the_prompts(self):
        client = browser(alice())
        shown(client)
        with CaptureQueriesContext(connection) as few:
            shown(client)
        for n in range(40):
            HelpPrompt.objects.create(category=f"C{n % 7}", topic=f"T{n}", response="R")
        with CaptureQueriesContext(connection) as many:
            shown(client)
        assert len(few) == len(many) <= 6


def test_an_empty_page_says_who_writes_it():
    assert "Nothing is written here yet" in shown(browser(alice()))
