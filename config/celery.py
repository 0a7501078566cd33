"""The Celery app, and every schedule in one place (UTC). Beat's tables are upserted from here after
each migrate, so that ops may adjust them in the admin."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals
from django.utils.translation import gettext_noop as _

from accounts import acting
from config import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

app = Celery("office_hours")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# For every thread: a web server's threads would otherwise nudge a broker that nobody configured.
app.set_default()


@signals.worker_process_init.connect
def settle(**_kwargs: Any) -> None:
    """In bulk work, going through what is there to stay is a quarter of the processor time."""
    garbage.settle()


@signals.task_prerun.connect
def say_who(sender: Any = None, **_kwargs: Any) -> None:
    """What a task writes is the task's (accounts/acting.py)."""
    acting.begin(lambda: acting.Acting(f"task {getattr(sender, 'name', '')}"))


@signals.task_postrun.connect
def say_no_more(**_kwargs: Any) -> None:
    acting.end_all()


QUEUES = ("fastlane", "sync", "mail", "embeddings", "default")

# What is not named here goes to `default`. A caller may send people's changes to `fastlane` instead,
# where they do not wait behind bulk work.
app.conf.task_routes = {
    "sessions_app.tasks.send_due_messages": {"queue": "mail"},
    "matching.tasks.*": {"queue": "embeddings"},
    # Minutes of computing: profiles that changed must not wait behind it.
    "matching.tasks.play_markets": {"queue": "default"},
    # Minutes of reading: what changes meanwhile must not wait behind it.
    "sync.tasks.reconcile": {"queue": "default"},
    "sync.tasks.send_letters": {"queue": "fastlane"},
    "sync.tasks.look_for": {"queue": "fastlane"},
    "sync.tasks.*": {"queue": "sync"},
}

# name -> (task, seconds between runs). Each task finds what is due, so a lost nudge costs at most
# one interval and a run with nothing to do costs one query.
SCHEDULE: dict[str, tuple[str, int]] = {
    _("Send due messages"): ("sessions_app.tasks.send_due_messages", 10),
    _("Refresh openings"): ("sessions_app.tasks.refresh_openings", 5),
    _("Make windows of weekly hours"): ("sessions_app.tasks.make_hours", 60),
    _("Ask about sessions outside hours"): ("sessions_app.tasks.ask_about_displaced", 300),
    _("Finish sessions that ended"): ("sessions_app.tasks.finish_ended_sessions", 60),
    _("End holds and offer what is open"): ("sessions_app.tasks.tend_waitlists", 30),
    _("Embed changed profiles"): ("matching.tasks.embed_stale", 5),
    _("Play simulated markets"): ("matching.tasks.play_markets", 30),
    # A look costs one query on an index. NOTIFY from the triggers would cost every writer more: it holds a
    # lock of the whole database until the commit is on disk, so bookings would commit one by one. And what
    # requests could tell by themselves is only what they write through the ORM.
    _("Send changes to Airtable"): ("sync.tasks.drain", 1),
    _("Read changes from Airtable"): ("sync.tasks.pull", 30),
    _("Send invitations"): ("sync.tasks.send_letters", 10),
    _("Look after Airtable's webhook"): ("sync.tasks.keep_webhook", 600),
    _("Compare Airtable's fields with ours"): ("sync.tasks.check_schema", 3600),
    _("Compare everything with Airtable"): ("sync.tasks.reconcile", 60),
    _("Refresh the figures"): ("analytics.tasks.refresh", 60),
    _("Forget old idempotency keys"): ("accounts.tasks.forget_old_keys", 3600),
    _("Forget old changes"): ("accounts.tasks.forget_old_changes", 86_400),
}


@signals.beat_init.connect
def say_it_is_the_scheduler(**_kwargs: Any) -> None:
    acting.begin(lambda: acting.Acting("the scheduler"))


@signals.beat_init.connect
def look_at_once(**_kwargs: Any) -> None:
    """What runs seldom would otherwise run for the first time long after the start."""
    app.send_task("sync.tasks.keep_webhook", retry=False)


def upsert_schedule(**_kwargs: Any) -> None:
    """Create the schedules that are missing. What ops changed (interval, off) stays as they left it."""
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    # Of before it was turned off in the settings.
    PeriodicTask.objects.filter(name="celery.backend_cleanup").delete()
    for name, (task, seconds) in SCHEDULE.items():
        interval, _created = IntervalSchedule.objects.get_or_create(
            every=seconds, period=IntervalSchedule.SECONDS
        )
        PeriodicTask.objects.get_or_create(
            name=name, defaults={"task": task, "interval": interval, "expire_seconds": seconds * 3}
        )
