from __future__ import annotations

import pytest
from celery import current_app
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask

from config.celery import QUEUES, SCHEDULE, app

pytestmark = pytest.mark.django_db


def test_every_schedule_is_in_beats_table_after_migrate_and_keeps_what_ops_changed():
    assert set(SCHEDULE) <= set(PeriodicTask.objects.values_list("name", flat=True))
    name = next(iter(SCHEDULE))
    PeriodicTask.objects.filter(name=name).update(enabled=False)

    call_command("migrate", verbosity=0)

    assert not PeriodicTask.objects.get(name=name).enabled
    assert PeriodicTask.objects.filter(name=name).count() == 1


@pytest.mark.parametrize("task", sorted({task for task, _seconds in SCHEDULE.values()}))
def test_every_scheduled_task_exists_and_has_a_queue_that_workers_serve(task):
    app.loader.import_default_modules()

    assert task in app.tasks
    assert app.amqp.router.route({}, task)["queue"].name in QUEUES


def test_threads_of_the_web_use_our_app():
    assert current_app.main == "office_hours"
