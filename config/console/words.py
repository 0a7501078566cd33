"""Words of the console that are written nowhere in our code, so that translators are given them too.

Models and columns have the names that Django makes of ours (`starts_at`: "starts at"); unfold brings its own words,
and no translations. A name that is missing here is shown in English.
"""

from __future__ import annotations

from typing import Any, Final

from django.apps import apps
from django.db.models import Model
from django.utils.functional import Promise, lazy
from django.utils.translation import gettext, gettext_lazy, gettext_noop as _, override

from config.admin_menu import ROOMS

# One of a list's rows, where Django's name for it is not what the menu calls the list.
ONE: Final = {
    "mentors.block": _("pair kept apart"),
    "sessions_app.hold": _("held time"),
    "sessions_app.hoursexception": _("date that differs"),
    "sessions_app.busytime": _("time away"),
    "sessions_app.notification": _("message"),
    "matching.matchrequest": _("request"),
    "matching.matchfeedback": _("not relevant"),
    "matching.matchpolicy": _("policy"),
    "matching.marketrun": _("simulated market"),
    "matching.mentorembedding": _("indexed text"),
    "django_celery_beat.periodictask": _("schedule"),
    "account.emailaddress": _("e-mail address"),
    "socialaccount.socialaccount": _("linked account"),
    "mfa.authenticator": _("second factor"),
}
MODELS: Final = (
    _("differences"), _("saved views"), _("api token"), _("availability window"), _("changes"), _("experiment"),
    _("help prompt"), _("holiday"), _("idempotency record"), _("invitation"), _("match impression"),
    _("match impressions"), _("meeting"), _("mentor's figures"), _("message template"), _("model use"),
    _("refresh"), _("saved mentor"), _("saved query"), _("saved view"), _("session"), _("session event"),
    _("session events"), _("user"), _("waitlist entry"), _("user session"), _("user sessions"),
)  # fmt: skip
COLUMNS: Final = (
    _("hold"), _("match request"), _("agreed"), _("agreed local"), _("arm"), _("as of"), _("availability"), _("base id"), _("booked"),
    _("bound at"), _("bound by"), _("chunk no"), _("claimed at"), _("completed"), _("deployment id"),
    _("edited at"), _("ended at"), _("exception"), _("frozen"), _("heard"), _("is pinned"), _("kept at"),
    _("live"), _("local"), _("may delete"), _("mentee joined at"), _("mentor joined at"), _("needed"),
    _("needs scan"), _("no shows"), _("notification url"), _("payload"), _("remote"), _("result"), _("seed"),
    _("sent"), _("text hash"), _("tokens in"), _("tokens out"), _("with riders"), _("zone"), _("mac secret"),
    _("vector"), _("uid"),
    _("action"), _("advice"), _("error kind"),
    _("about"), _("acceptance"), _("active at"), _("actor"), _("address"), _("admitted at"), _("ancestor"),
    _("answer by"), _("answered at"), _("appeared at"), _("applied at"), _("approves bookings"), _("asked at"),
    _("asked by"), _("at"), _("attempts"), _("began at"), _("bio"), _("body"), _("booked by"),
    _("booking horizon days"), _("bounce reason"), _("bounced at"), _("bounced email"),
    _("buffer after minutes"), _("buffer before minutes"), _("by"), _("by themselves"), _("calls"),
    _("cancel cutoff minutes"), _("capacity"), _("category"), _("changed at"), _("changed by"), _("channel"),
    _("clicked at"), _("comment"), _("communication"), _("company"), _("connection"), _("consent at"),
    _("control"), _("count"), _("created at"), _("created by"), _("cursor"), _("date"), _("day"),
    _("default session minutes"), _("deficit"), _("detail"), _("direction"), _("dispute hours"), _("diversity"),
    _("email"), _("embedded at"), _("endpoint"), _("ends"), _("ends at"), _("ends on"), _("entry"), _("error"),
    _("every n weeks"), _("expertise of mentor"), _("expires at"), _("failures"), _("field"), _("fields"),
    _("filters"), _("finished at"), _("first seen"), _("floor"), _("follow up needed"), _("from cache"),
    _("from status"), _("generation"), _("goal"), _("goals"), _("goals achieved"), _("headline"),
    _("held reason"), _("held until"), _("helpfulness"), _("here"), _("hypothesis"), _("id"), _("industries"),
    _("industry"), _("is active"), _("is blocked"), _("is explored"), _("is live"), _("is shared"),
    _("is synthetic"), _("key"), _("kind"), _("label"), _("language"), _("language model helps"),
    _("languages"), _("last error"), _("last seen"), _("last seen at"), _("last success at"), _("last used at"),
    _("load"), _("location"), _("logo url"), _("made at"), _("meaning"), _("meeting link"), _("meeting url"),
    _("mentee attendance"), _("mentee notes"), _("mentor attendance"), _("mentor notes"), _("message"),
    _("minimum notice minutes"), _("mode"), _("model id"), _("month"), _("moved from"), _("moved to"),
    _("name"), _("next attempt at"), _("note"), _("object id"), _("offered"), _("origin"), _("overall"),
    _("overrode"), _("owner"), _("page"), _("paused at"), _("paused by"), _("pending lapses after hours"),
    _("photo"), _("pinged at"), _("policies"), _("policy"), _("policy version"), _("position"), _("problem"),
    _("progress"), _("published at"), _("published by"), _("purpose"), _("query"), _("question"), _("rating"),
    _("reason"), _("reasons"), _("received at"), _("recency"), _("recipient"), _("record id"), _("record ids"),
    _("reminder day"), _("reminder hour"), _("request"), _("requests"), _("reschedule cutoff minutes"),
    _("response"), _("role"), _("room"), _("run"), _("sample"), _("saved at"), _("score"), _("seat"),
    _("seats"), _("seeks"), _("self service hold minutes"), _("seniority"), _("sent at"), _("session minutes"),
    _("shows group attendees"), _("side"), _("sign in epoch"), _("sign up"), _("since"), _("source"),
    _("stage"), _("stages"), _("start step minutes"), _("started at"), _("started by"), _("starts"),
    _("starts at"), _("starts on"), _("state"), _("status"), _("stopped at"), _("stopped by"), _("sub area"),
    _("subject"), _("submitted at"), _("support email"), _("synced"), _("synced at"), _("table"), _("tables"),
    _("tags"), _("taken at"), _("taken by"), _("team"), _("text"), _("time zone"), _("title"), _("to"),
    _("to status"), _("took ms"), _("topic"), _("topics"), _("treatment"), _("until"), _("updated at"),
    _("uses"), _("utilization"), _("value"), _("version"), _("visibility"), _("waitlist"),
    _("waitlist offer minutes"), _("wanted from"), _("wanted until"), _("wash in hours"), _("webhook id"),
    _("weekday"), _("weekly hours"), _("weekly load cap"), _("weight"), _("welcomed at"), _("window"),
    _("winner"), _("word"), _("words"), _("would recommend"),
)  # fmt: skip
UNFOLD: Final = (
    _("Add row"), _("All applications"), _("Apply Filters"), _("Choose file to upload"), _("Clear all filters"),
    _("Click to cancel"), _("Click to download"), _("Dark"), _("Date from"), _("Date to"), _("Expand row"),
    _("Filter navigation items"), _("Filters"), _("General"), _("Go back"), _("Hide counts"), _("Home"),
    _("Image preview"), _("Light"), _("Loading more results..."), _("More actions"), _("No data"),
    _("No recent searches"), _("No results found"), _("No results matching your query"), _("Objects"),
    _("Recent actions"), _("Recent searches"), _("Remove from sorting"), _("Reset filters"),
    _("Return to site"), _("Run"), _("Run the selected action"), _("Save and view"),
    _("Search apps and models..."), _("Select action"), _("Select action to run"), _("Select all rows"),
    _("Select record"), _("Show counts"), _("Submit"), _("Summary"), _("System"),
    _("This item will be deleted."),
    _("This page yielded into no results. Create a new item or reset your filters."),
    _("True"), _("False"), _("Toggle password visibility"), _("Toggle sorting"), _("Type to search"), _("Unknown"),
    _("Unknown content"), _("Value"), _("View site"),
)  # fmt: skip


def let_names_be_translated(labels: tuple[str, ...]) -> None:
    """Makes the names that Django gave models and columns of these apps the reader's; once, at the start."""
    for label in labels:
        for model in apps.get_app_config(label).get_models():
            _translate(model)


def name_lists_as_the_menu_does() -> None:
    """A list's heading, its group and what leads to it say what the side bar says; once, at the start.

    Other people's lists too. Nothing of it is in a migration: Django looks there at what the code says.
    """
    headings: dict[str, set[str]] = {}
    for heading, entries in ROOMS:
        for label, _icon, app, model, *page in entries:
            headings.setdefault(app, set()).add(heading)
            if not page:
                _options(app, model).verbose_name_plural = _within(label)
    for name, one in ONE.items():
        _options(*name.split(".")).verbose_name = gettext_lazy(one)
    for app, its in headings.items():
        if len(its) == 1:
            apps.get_app_config(app).verbose_name = gettext_lazy(*its)


def _options(app: str, model: str) -> Any:
    return apps.get_model(app, model)._meta


def _say_within(label: str) -> str:
    said = gettext(label)
    return said[:1].lower() + said[1:]


# As a name is written within a sentence; whoever begins with it writes it large.
_within = lazy(_say_within, str)


def _translate(model: type[Model]) -> None:
    meta: Any = model._meta
    with override(None):
        many = str(meta.verbose_name_plural)
    is_djangos = "verbose_name_plural" not in meta.original_attrs  # the singular with an s
    if is_djangos or not isinstance(meta.verbose_name_plural, Promise):
        meta.verbose_name_plural = gettext_lazy(many)
    if not isinstance(meta.verbose_name, Promise):
        meta.verbose_name = gettext_lazy(meta.verbose_name)
    for field in meta.local_fields + meta.local_many_to_many:
        if not isinstance(field.verbose_name, Promise):
            field.verbose_name = gettext_lazy(field.verbose_name)
