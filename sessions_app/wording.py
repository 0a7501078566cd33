"""The shipped words of our messages, and how words are filled in.

A PM's MessageTemplate of the same name takes the place of these. Both use `{{ variable }}`, replaced
from a fixed list and nothing else: whoever edits a template can show a variable, not run code.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.utils.translation import gettext, gettext_lazy, gettext_noop as _, override

from sessions_app.models import Notification

# What each variable means, for whoever writes a template. One that does not apply is empty, and a
# line about nothing is left out.
VARIABLES: Mapping[str, str] = {
    "recipient_name": _("first name of the person who gets the message"),
    "other_name": _("the other person of the session"),
    "mentor_name": _("the mentor"),
    "mentee_name": _("the mentee"),
    "when": _("day and time on the recipient's clock"),
    "their_time": _("the same moment on the other person's clock, where that differs"),
    "was": _("the time before it was moved"),
    "day": _("Today, Tomorrow, or the name of the day"),
    "starts_in": _("how long until it starts, like “In an hour”"),
    "minutes": _("how many minutes it lasts"),
    "where": _("the place, or Online"),
    "how_to_join": _("when the link to the room opens, for a session online"),
    "goal": _("what the mentee wants from it"),
    "reason": _("why it was moved or cancelled, or does not fit any more"),
    "changed_by": _("who moved or cancelled it"),
    "absent_name": _("who did not come"),
    "answer_by": _(
        "until when an answer is awaited: to a request, an offer, or a report of absence"
    ),
    "program_name": _("the name of the program"),
    "session_url": _("the session's page"),
    "move_url": _("moves the session, without signing in"),
    "cancel_url": _("cancels the session, without signing in"),
    "feedback_url": _("gives feedback, without signing in; in HTML one link for each of 1 to 5"),
    "offer_url": _("takes or passes on an offered time, without signing in"),
    "hours_url": _("the mentor's own hours, where it is decided what becomes of a session"),
    "mentor_url": _("the mentor's page with their open times, for the mentee"),
    "address": _("the address that is invited"),
    "claim_url": _("where who is invited begins"),
}
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# Anything in double braces: also what was meant as a variable and is none.
_BRACES = re.compile(r"\{\{\s*(.*?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Wording:
    subject: str
    body: str


class OurWords:
    """Words of ours, in the language that is active when they are read.

    In paragraphs, so that what several messages share is translated once.
    """

    def __init__(self, subject: str, *paragraphs: str) -> None:
        self._subject, self._paragraphs = subject, paragraphs

    @property
    def subject(self) -> str:
        return gettext(self._subject)

    @property
    def body(self) -> str:
        return "\n\n".join(map(gettext, self._paragraphs))


Words: TypeAlias = Wording | OurWords

# Mails that are about no session and no offer: to people whom a program manager entered (sync/letters.py).
INVITED_MENTOR, INVITED_MENTEE = INVITED = ("invited_mentor", "invited_mentee")
# What each message is called, for people.
LABELS: Mapping[str, Any] = {kind.value: kind.label for kind in Notification.Kind} | {
    INVITED_MENTOR: gettext_lazy("Invitation of a mentor"),
    INVITED_MENTEE: gettext_lazy("Invitation of a mentee"),
}

_HELLO = _("Hello {{ recipient_name }},")
_FACTS = _(
    "When: {{ when }}\nLasts: {{ minutes }} minutes\nFor {{ other_name }}: {{ their_time }}\n"
    "Where: {{ where }}\nGoal: {{ goal }}"
)
_LINKS = _(
    "See the session: {{ session_url }}\nMove it: {{ move_url }}\nCancel it: {{ cancel_url }}"
)
_ASK = (
    _("Give feedback: {{ feedback_url }}"),
    _(
        "It takes a minute and needs no sign-in. {{ other_name }} sees your answers once both of you have "
        "given theirs."
    ),
)
_INVITED = _("You are invited to {{ program_name }}")
_START = _("Start here: {{ claim_url }}")
_ADDRESS = _("Your address: {{ address }}")
_LEAVE_IT = _("If you do not know what this is about, leave it: nothing happens without you.")
SHIPPED: Mapping[str, OurWords] = {
    Notification.Kind.BOOKED: OurWords(
        _("Booked: {{ mentor_name }} and {{ mentee_name }}, {{ when }}"),
        _HELLO,
        _("Your session with {{ other_name }} is booked."),
        _FACTS,
        _(
            "The invitation is attached, so it can go straight into your calendar.\n"
            "{{ how_to_join }}"
        ),
        _LINKS,
    ),
    Notification.Kind.REQUESTED: OurWords(
        _("Requested: {{ mentor_name }} and {{ mentee_name }}, {{ when }}"),
        _HELLO,
        _(
            "{{ mentee_name }} asked {{ mentor_name }} for a session. The time is held until "
            "{{ mentor_name }} answers."
        ),
        _(
            "When: {{ when }}\nLasts: {{ minutes }} minutes\nFor {{ other_name }}: {{ their_time }}\n"
            "Where: {{ where }}\nGoal: {{ goal }}\nAnswer due: {{ answer_by }}"
        ),
        _("See the request: {{ session_url }}\nCancel or decline it: {{ cancel_url }}"),
    ),
    Notification.Kind.MOVED: OurWords(
        _("Moved: {{ mentor_name }} and {{ mentee_name }}, now {{ when }}"),
        _HELLO,
        _("Your session with {{ other_name }} has a new time."),
        _(
            "Now: {{ when }}\nLasts: {{ minutes }} minutes\nFor {{ other_name }}: {{ their_time }}\n"
            "Before: {{ was }}\nWhere: {{ where }}\nMoved by: {{ changed_by }}\nReason: {{ reason }}"
        ),
        _("The event in your calendar moves with this message."),
        _LINKS,
    ),
    Notification.Kind.CANCELLED: OurWords(
        _("Cancelled: {{ mentor_name }} and {{ mentee_name }}, {{ when }}"),
        _HELLO,
        _("Your session with {{ other_name }} will not take place."),
        _("It was for: {{ when }}\nCancelled by: {{ changed_by }}\nReason: {{ reason }}"),
        _("The event leaves your calendar with this message."),
        _("Find another time: {{ mentor_url }}\nSee the session: {{ session_url }}"),
    ),
    Notification.Kind.REMINDER_DAY: OurWords(
        _("{{ day }}: your session with {{ other_name }}"),
        _HELLO,
        _("A reminder of your session with {{ other_name }}."),
        _FACTS,
        "{{ how_to_join }}",
        _LINKS,
    ),
    Notification.Kind.REMINDER_HOUR: OurWords(
        _("{{ starts_in }}: your session with {{ other_name }}"),
        _HELLO,
        _("Your session with {{ other_name }} starts soon."),
        _FACTS,
        "{{ how_to_join }}",
        _("See and join it: {{ session_url }}"),
    ),
    Notification.Kind.DISPLACED: OurWords(
        _("Please decide: your session with {{ other_name }}, {{ when }}"),
        _HELLO,
        _(
            "Your session with {{ other_name }} no longer fits your hours. It takes place as agreed, unless you "
            "decide otherwise."
        ),
        _("When: {{ when }}\nWhy you are asked: {{ reason }}\nGoal: {{ goal }}"),
        _("Keep, move or cancel it: {{ hours_url }}\nSee the session: {{ session_url }}"),
        _("If there are others, they stand on the same page. Nothing is cancelled by itself."),
    ),
    Notification.Kind.NO_SHOW: OurWords(
        _("Your session with {{ other_name }}: noted as missed"),
        _HELLO,
        _("Your session with {{ other_name }} was noted as missed."),
        _(
            "It was for: {{ when }}\nDid not come: {{ absent_name }}\nYou can disagree until: "
            "{{ answer_by }}"
        ),
        _(
            "If that is not what happened, say so on the session's page. Otherwise these things happen; "
            "find another time."
        ),
        _("Say what happened: {{ session_url }}\nFind another time: {{ mentor_url }}"),
    ),
    Notification.Kind.FEEDBACK: OurWords(
        _("How was your session with {{ other_name }}?"),
        _HELLO,
        _("How was your session with {{ other_name }} on {{ when }}?"),
        *_ASK,
    ),
    Notification.Kind.FEEDBACK_NUDGE: OurWords(
        _("Still time to say how it was with {{ other_name }}"),
        _HELLO,
        _(
            "You met {{ other_name }} on {{ when }}. A word on how it went helps them, and helps us find "
            "the right people for you. We will not ask again."
        ),
        *_ASK,
    ),
    Notification.Kind.WAITLIST_OFFER: OurWords(
        _("A time with {{ mentor_name }} is kept for you: {{ when }}"),
        _HELLO,
        _("You waited for a time with {{ mentor_name }}. One has opened, and it is kept for you."),
        _(
            "When: {{ when }}\nLasts: {{ minutes }} minutes\nFor {{ mentor_name }}: {{ their_time }}\n"
            "Where: {{ where }}\nKept until: {{ answer_by }}"
        ),
        _("Take it or pass it on: {{ offer_url }}"),
        _("After that it goes to the next person who waits."),
    ),
    INVITED_MENTOR: OurWords(
        _INVITED,
        _HELLO,
        _(
            "{{ program_name }} has entered you as a mentor, so that founders can book an hour with you."
        ),
        _START,
        _(
            "We e-mail you a code, and you are in; no password is needed. Then say when you have time: that is "
            "all we need from you."
        ),
        _ADDRESS,
        _LEAVE_IT,
    ),
    INVITED_MENTEE: OurWords(
        _INVITED,
        _HELLO,
        _("{{ program_name }} has entered you, so that you can find a mentor and book an hour."),
        _START,
        _("We e-mail you a code, and you are in; no password is needed."),
        _ADDRESS,
        _LEAVE_IT,
    ),
}
# What a preview shows in place of a person's data.
SAMPLE: Mapping[str, str] = {
    "recipient_name": "Alice",
    "other_name": "Bob Mentor",
    "mentor_name": "Bob Mentor",
    "mentee_name": "Alice Founder",
    "when": "Tue 8 December 2026, 14:30 (Europe/Berlin)",
    "their_time": "08:30 (New York)",
    "was": "Mon 7 December 2026, 16:00 (Europe/Berlin)",
    "day": "Tomorrow",
    "starts_in": "In an hour",
    "minutes": "30",
    "where": "Online",
    "how_to_join": "The link to the room opens on the session's page 15 minutes before.",
    "goal": "Which of these eight funds would you ask first?",
    "reason": "A board meeting came up.",
    "changed_by": "Bob Mentor",
    "absent_name": "Alice Founder",
    "answer_by": "Thu 10 December 2026, 15:00 (Europe/Berlin)",
    "program_name": "Office Hours",
    "session_url": "https://hours.example.org/sessions/sample/",
    "move_url": "https://hours.example.org/l/move/",
    "cancel_url": "https://hours.example.org/l/cancel/",
    "feedback_url": "https://hours.example.org/l/feedback/",
    "offer_url": "https://hours.example.org/l/offer/",
    "hours_url": "https://hours.example.org/hours/",
    "mentor_url": "https://hours.example.org/mentors/sample/",
    "address": "alice@example.com",
    "claim_url": "https://hours.example.org/welcome/sample/",
}
# Variables that only some messages have; in the others they are empty.
_CHANGES = (Notification.Kind.BOOKED, Notification.Kind.REQUESTED, Notification.Kind.MOVED)
_REMINDERS = (Notification.Kind.REMINDER_DAY, Notification.Kind.REMINDER_HOUR)
_FEEDBACK = (Notification.Kind.FEEDBACK, Notification.Kind.FEEDBACK_NUDGE)
ONLY_IN: Mapping[str, tuple[str, ...]] = {
    "was": (Notification.Kind.MOVED,),
    "changed_by": (Notification.Kind.MOVED, Notification.Kind.CANCELLED),
    "reason": (
        Notification.Kind.MOVED,
        Notification.Kind.CANCELLED,
        Notification.Kind.DISPLACED,
    ),
    "hours_url": (Notification.Kind.DISPLACED,),
    "absent_name": (Notification.Kind.NO_SHOW,),
    "answer_by": (
        Notification.Kind.REQUESTED,
        Notification.Kind.NO_SHOW,
        Notification.Kind.WAITLIST_OFFER,
    ),
    "move_url": (*_CHANGES, *_REMINDERS),
    "cancel_url": (*_CHANGES, *_REMINDERS),
    "feedback_url": _FEEDBACK,
    "offer_url": (Notification.Kind.WAITLIST_OFFER,),
    "session_url": tuple(
        kind for kind in SHIPPED if kind not in (Notification.Kind.WAITLIST_OFFER, *INVITED)
    ),
    "address": INVITED,
    "claim_url": INVITED,
}
_IN_INVITATIONS = ("recipient_name", "program_name", "address", "claim_url")


def sample_of(kind: str) -> dict[str, str]:
    """Values for a preview of a message of that kind. A name of no kind gets them all."""
    return {name: value if _is_in(name, kind) else "" for name, value in SAMPLE.items()}


def _is_in(variable: str, kind: str) -> bool:
    """Whether a message of that kind may have a value for the variable."""
    if kind in INVITED:
        return variable in _IN_INVITATIONS
    return kind not in SHIPPED or kind in ONLY_IN.get(variable, SHIPPED)


def template_name(kind: str) -> str:
    """How a program manager's template with the words of it is called, whoever reads."""
    with override(None):
        return str(LABELS[kind])


def kind_named(name: str) -> str:
    """The kind whose name a template has, whatever the case; nothing where there is none."""
    return next((kind for kind in LABELS if template_name(kind).lower() == name.lower()), "")


def fill(text: str, variables: Mapping[str, str]) -> str:
    """Replace each `{{ variable }}`. A name that is not a variable stays as it was typed, so that a
    slip in a template is seen in its preview instead of vanishing. A line that lacks what it is about
    is left out ("Goal:" with no goal)."""
    return fill_lines(kept_lines(text, variables), variables)


def fill_lines(lines: list[str], variables: Mapping[str, str]) -> str:
    filled = (
        _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), line) for line in lines
    )
    return re.sub(r"\n{3,}", "\n\n", "\n".join(filled)).strip()


def kept_lines(text: str, variables: Mapping[str, str]) -> list[str]:
    """The lines to fill in: without those whose last variable, which they are about, is empty."""
    return [line for line in text.splitlines() if not _is_about_nothing(line, variables)]


def _is_about_nothing(line: str, variables: Mapping[str, str]) -> bool:
    names = [name for name in _VARIABLE.findall(line) if name in variables]
    if not names:
        return False
    if fact := FACT.match(line):
        # "For {{ other_name }}: {{ their_time }}" is about the time, not the name.
        names = [name for name in _VARIABLE.findall(fact[2]) if name in variables] or names
    return all(not variables[name] for name in names)


# "When: {{ when }}": a line that names something and says it.
FACT = re.compile(r"^\s*([^:]{1,60}):\s+(\S.*)$")
# "Move it: {{ move_url }}": a line that is a link.
LINK = re.compile(r"^\s*([^:{}]{1,60}):\s+\{\{\s*(\w+_url)\s*\}\}\s*$")


def pieces(line: str) -> list[tuple[str, str]]:
    """A line as ("text", typed words) and ("variable", name), in order."""
    parts = _VARIABLE.split(line)
    return [("variable" if n % 2 else "text", part) for n, part in enumerate(parts) if part]


def unknown_variables(*texts: str) -> list[str]:
    """What stands in double braces and is no variable, as typed, each once."""
    found = (name for text in texts for name in _BRACES.findall(text))
    return list(dict.fromkeys(name for name in found if name not in VARIABLES))


def nearest_variable(name: str) -> str:
    """The variable that was probably meant, or nothing."""
    return next(iter(difflib.get_close_matches(name, VARIABLES, n=1)), "")


def sentence_about(name: str) -> str:
    """What is said about a variable that does not exist."""
    near = nearest_variable(name)
    if near:
        return gettext("“%(name)s” is not a variable. Did you mean %(near)s?") % {
            "name": name,
            "near": near,
        }
    return gettext("“%(name)s” is not a variable of our messages.") % {"name": name}
