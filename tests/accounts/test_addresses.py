"""The `url` of templates says what Django's own says, however often it is asked."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.template import Context, Template
from django.urls import NoReverseMatch, get_resolver, reverse

from accounts.addresses import address


def _with_ids():
    """Every address of ours with one id or two in it."""
    found = []
    for space, (_prefix, resolver) in get_resolver().namespace_dict.items():
        if space in ("mentors", "sessions", "matching"):
            for name, ways in resolver.reverse_dict.lists():
                kinds = ways[0][3]
                if isinstance(name, str) and {type(kind).__name__ for kind in kinds.values()} == {
                    "UUIDConverter"
                }:
                    found.append((f"{space}:{name}", len(kinds)))
    return sorted(found)


def test_with_ids_it_is_as_django_says():
    names = _with_ids()
    assert ("matching:not-relevant", 2) in names
    for name, count in names:
        for _again in range(2):
            ids = [uuid4() for _ in range(count)]
            assert address(name, *ids) == reverse(name, args=ids)


def test_a_place_may_depend_on_where_it_is_asked():
    assert address("admin:index", current_app="admin") == reverse("admin:index")
    assert address("home") == "/"


def test_where_nothing_is_nothing_is_found():
    for _again in range(2):
        with pytest.raises(NoReverseMatch):
            address("mentors:save")  # without whom
        with pytest.raises(NoReverseMatch):
            Template("{% url 'nowhere' %}").render(Context())
        assert Template("{% url 'nowhere' as way %}[{{ way }}]").render(Context()) == "[]"


def test_a_template_writes_it_or_keeps_it():
    mentor = uuid4()
    context = Context({"mentor": mentor})
    way = reverse("mentors:save", args=[mentor])
    assert Template("{% url 'mentors:save' mentor %}").render(context) == way
    assert (
        Template("{% url 'mentors:save' mentor as way %}<{{ way }}>").render(context) == f"<{way}>"
    )
    named = Template("{% url 'mentors:save' mentor_id=mentor %}")
    assert named.render(context) == way
