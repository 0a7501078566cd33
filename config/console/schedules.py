"""What runs by itself, in plain words: what for, how often, when last."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext as _, gettext_lazy, ngettext
from django_celery_beat.admin import (
    PeriodicTaskAdmin as BasePeriodicTaskAdmin,
    PeriodicTaskForm as BasePeriodicTaskForm,
    TaskSelectWidget,
)
from django_celery_beat.models import PeriodicTask
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin_parts import Colours, Console
from config.console.attention import late_schedules

# Task -> what stops if it is turned off.
WHAT: Final = {
    "sessions_app.tasks.send_due_messages": gettext_lazy("Confirmations, reminders and requests for feedback go out."),
    "sessions_app.tasks.refresh_openings": gettext_lazy("Lists know when each mentor is free next."),
    "sessions_app.tasks.make_hours": gettext_lazy("Weekly hours become times that can be booked."),
    "sessions_app.tasks.ask_about_displaced": gettext_lazy("Mentors are asked about sessions that their hours no longer have room for."),
    "sessions_app.tasks.finish_ended_sessions": gettext_lazy("Sessions end by themselves, and feedback is asked for."),
    "sessions_app.tasks.tend_waitlists": gettext_lazy("Freed times are offered to the next in line, and offers end."),
    "matching.tasks.embed_stale": gettext_lazy("Profiles that changed are found by what they say now."),
    "matching.tasks.play_markets": gettext_lazy("Simulated markets that were ordered are played."),
    "sync.tasks.drain": gettext_lazy("What changed here reaches Airtable."),
    "sync.tasks.pull": gettext_lazy("What changed in Airtable reaches us, also when a ping was lost."),
    "sync.tasks.send_letters": gettext_lazy("People who came from Airtable are invited."),
    "sync.tasks.keep_webhook": gettext_lazy("Airtable goes on telling us at once what changes."),
    "sync.tasks.check_schema": gettext_lazy("A column that was renamed or removed in Airtable is noticed."),
    "sync.tasks.reconcile": gettext_lazy("Both sides are compared every night, and whenever it is asked for."),
    "analytics.tasks.refresh": gettext_lazy("The figures are computed every night, and whenever it is asked for."),
    "accounts.tasks.forget_old_keys": gettext_lazy("Answers that were kept for repeated requests are removed."),
    "accounts.tasks.forget_old_changes": gettext_lazy("The history of changes is no longer than it should be."),
}  # fmt: skip


class TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):  # type: ignore[misc]
    """The list of our tasks: a plain select would lose it."""


class PeriodicTaskForm(BasePeriodicTaskForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Absent on a page that only shows.
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()
        if "regtask" in self.fields:
            self.fields["regtask"].widget = TaskSelect()


class PeriodicTaskAdmin(BasePeriodicTaskAdmin, Console):  # type: ignore[misc]
    """Schedules. How often one runs is set on its page; off is off until somebody turns it on."""

    form = PeriodicTaskForm
    list_display = ("shown_name", "rhythm", "last_run", "state", "enabled")
    list_display_links = ("shown_name",)
    list_editable = ("enabled",)
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab", "solar", "clocked")
    ordering = ("name",)
    date_hierarchy = None
    # Turning on and off stands in the list.
    actions = ("run_tasks",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodicTask]:
        rows: QuerySet[PeriodicTask] = super().get_queryset(request)
        self.late = set(late_schedules(timezone.now()).values_list("pk", flat=True))
        return rows

    @display(description=gettext_lazy("What"), ordering="name")  # type: ignore[untyped-decorator]
    def shown_name(self, task: PeriodicTask) -> str:
        return format_html(
            '<span class="cell-main">{}</span><span class="cell-more cell-wraps">{}</span>',
            _(task.name),
            WHAT.get(task.task, task.task),
        )

    @display(description=gettext_lazy("How often"))  # type: ignore[untyped-decorator]
    def rhythm(self, task: PeriodicTask) -> str:
        if task.interval is None:
            return str(task.scheduler)
        return every(task.interval.every, task.interval.period)

    @display(description=gettext_lazy("Last run"), ordering="last_run_at")  # type: ignore[untyped-decorator]
    def last_run(self, task: PeriodicTask) -> str:
        if task.last_run_at is None:
            return _("Not yet")
        ago = timesince(task.last_run_at, depth=1)
        return _("%(time)s ago") % {"time": ago} if not ago.startswith("0") else _("Just now")

    @display(  # type: ignore[untyped-decorator]
        description=gettext_lazy("State"),
        label=Colours({"Runs": "success", "Does not run": "danger", "Off": "default"}),
    )
    def state(self, task: PeriodicTask) -> str:
        if not task.enabled:
            return _("Off")
        return _("Does not run") if task.pk in self.late else _("Runs")


def every(count: int, period: str) -> str:
    """How often, as people say it: 86,400 seconds are a day."""
    sizes = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
    if period not in sizes:
        return _("Every %(n)d %(period)s") % {"n": count, "period": period}
    seconds = count * sizes[period]
    name = next(one for one in ("days", "hours", "minutes", "seconds") if seconds % sizes[one] == 0)
    n = seconds // sizes[name]
    words = {
        "seconds": ngettext("Every second", "Every %(n)d seconds", n),
        "minutes": ngettext("Every minute", "Every %(n)d minutes", n),
        "hours": ngettext("Every hour", "Every %(n)d hours", n),
        "days": ngettext("Every day", "Every %(n)d days", n),
    }
    return words[name] % {"n": n}
