"""The same new row comes by a post, by the webhook and by a look-up, in separate processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mentors.models import Mentor
from sync.models import InboundChange, RecordLink
from sync.people_models import Invitation
from tests.sync.conftest import pull
from tests.sync.test_crash import ROOT, worker_environment

pytestmark = [pytest.mark.race, pytest.mark.crowd, pytest.mark.django_db(transaction=True)]

_APPLY = """
import sys, time
import django
django.setup()
from django.utils import timezone
from sync import inbound, intake
if sys.argv[2] == "unguarded":
    inbound._lock_record = lambda change: None
from sync.mappings import BY_SUBJECT
mapping = BY_SUBJECT["mentor"]
cells = {"Name": "Dana", "Email": "dana@example.com", "Is Active": True}
change = intake.RecordChange(
    mapping, sys.argv[1], timezone.now(), cells, complete=True, names=frozenset(mapping.by_name)
)
print("ready", flush=True)
sys.stdin.readline()
try:
    inbound.Applier(clock=timezone.now).apply(change)
except Exception as error:
    print(type(error).__name__, flush=True)
else:
    print("done", flush=True)
"""


def together(record, guard, count=6):
    """So many processes apply the row at one word; what each of them said."""
    crew = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _APPLY, record, guard],
            cwd=ROOT,
            env=worker_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        for process in crew:
            assert process.stdout.readline().strip() == "ready"
        for process in crew:
            process.stdin.write("\n")
            process.stdin.flush()
        return [process.communicate(timeout=60)[0].strip() for process in crew]
    finally:
        for process in crew:
            process.kill()
            process.wait()


def test_without_the_guard_some_of_them_fail(base):
    record = base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
    assert "IntegrityError" in together(record, "unguarded")


def test_with_it_one_person_comes_of_it_and_nobody_fails(base):
    record = base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
    assert set(together(record, "guarded")) == {"done"}

    assert Mentor.objects.count() == 1
    assert Invitation.objects.count() == 1
    link = RecordLink.objects.get(subject="mentor")
    assert (link.record_id, link.state) == (record, "linked")
    pull()
    assert not InboundChange.objects.filter(webhook="again").exists()
