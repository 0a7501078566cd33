"""The words that profiles are tagged with. PMs may add their own; these are offered first."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext_noop as _

AREAS = (
    "Fundraising", "Go-to-market", "Sales", "Marketing", "Product", "Engineering", "Data & AI",
    "Hiring", "Leadership", "Legal", "Finance", "Operations", "International", "Design", "Security",
    "Sustainability", "Health regulation", "Hardware",
)  # fmt: skip
INDUSTRIES = (
    "Fintech", "Health", "Climate", "Education", "Marketplace", "SaaS", "Consumer", "Deep tech",
    "Food", "Mobility", "Real estate", "Media", "Public sector", "Logistics",
)  # fmt: skip
STAGES = ("Idea", "Pre-seed", "Seed", "Series A", "Growth")
LANGUAGES = (
    _("English"), _("Spanish"), _("French"), _("German"), _("Portuguese"), _("Arabic"), _("Hindi"),
    _("Mandarin"), _("Swahili"), _("Japanese"), _("Italian"), _("Dutch"), _("Polish"), _("Turkish"),
)  # fmt: skip


def tidy(values: Iterable[str], known: tuple[str, ...]) -> list[str]:
    """Trim, drop blanks and repeats whatever their case, and write known words the way we do."""
    spelled = {word.casefold(): word for word in known}
    tidied: dict[str, str] = {}
    for value in values:
        word = " ".join(value.split())
        if word:
            tidied.setdefault(word.casefold(), spelled.get(word.casefold(), word))
    return list(tidied.values())
