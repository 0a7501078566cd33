"""The statements of a search are planned once for each connection."""

from __future__ import annotations

import pytest
from django.db import connection
from django.utils import timezone

from matching import selectors
from mentors.models import Mentor

pytestmark = pytest.mark.django_db


def test_they_are_prepared_when_first_asked_and_then_only_executed():
    for text in ("pricing", "hiring", "fundraising"):
        selectors.retrieve(
            eligible=selectors.Eligible(Mentor.objects.all()),
            text=text,
            vector=None,
            model_id="hashing:v1",
            now=timezone.now(),
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(generic_plans + custom_plans) FROM pg_prepared_statements"
            " WHERE statement LIKE '%matching_wordcount%'"
        )
        statements, uses = cursor.fetchone()
    assert (statements, uses) == (2, 6)
