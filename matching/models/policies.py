"""How lists are ordered, in versions, and what a new one is tried on."""

from __future__ import annotations

import uuid
from typing import Any

import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import audited
from accounts.models import User
from matching.models.experiments import KEEP_SHOWN
from matching.ranking import MOST


def weight(name: str, help_text: Any) -> models.FloatField:  # type: ignore[type-arg]
    """A weight of a policy, with the range that `ranking` gives it."""
    limits = [MinValueValidator(0.0), MaxValueValidator(MOST[name])]
    return models.FloatField(validators=limits, help_text=help_text)


class MatchPolicy(models.Model):
    """A version of the weights that order every list of mentors. One is published at a time.

    A draft may be edited; what was once published stays as it was, so that what a request was answered
    with can be read later. A change is a new draft, then published in place of the old version.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        RETIRED = "retired", _("Retired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(
        max_length=40,
        validators=[
            RegexValidator(r"^[a-z0-9][a-z0-9-]*$", _("Small letters, digits and hyphens."))
        ],
    )
    version = models.PositiveIntegerField(editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, editable=False)
    note = models.TextField(blank=True, help_text=_("What this version is for, in a sentence."))

    meaning = weight(
        "meaning", _("The share of the meaning in relevance; the words have the rest of 1.")
    )
    expertise = weight("expertise", _("An area that the request names, by the weight it has."))
    rating = weight("rating", _("How founders rated the mentor, few ratings counting little."))
    recency = weight("recency", _("The mentor was here lately; it halves every 30 days."))
    availability = weight("availability", _("Open starts in the next seven days."))
    load = weight("load", _("Taken off: how full the mentor's coming week is."))
    deficit = weight(
        "deficit", _("Sessions that the mentor's last four weeks should have brought.")
    )
    acceptance = weight("acceptance", _("How often the mentor said yes to requests, where asked."))
    connection = weight("connection", _("The founder met, or names, the mentor's company."))
    floor = weight(
        "floor", _("The share of the best relevance below which nothing lifts a mentor.")
    )
    diversity = weight(
        "diversity", _("Taken off: how like the mentor is to one further up. 0: off.")
    )
    explore_at = models.PositiveSmallIntegerField(
        _("place for a new mentor"),
        validators=[MaxValueValidator(int(MOST["explore_at"]))],
        help_text=_("The place of a list that is kept for a new mentor who fits. 0: none."),
    )

    created_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    published_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    published_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name_plural = _("match policies")
        constraints = [
            models.UniqueConstraint(
                fields=["name", "version"], name="a_policy_has_each_version_once"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="published"), name="one_policy_is_published"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "published", "retired"]),
                name="policy_state_is_known",
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="policy_versions_start_at_1"),
            models.CheckConstraint(
                condition=Q(
                    *((f"{name}__gte", 0) for name in MOST),
                    *((f"{name}__lte", most) for name, most in MOST.items()),
                ),
                name="policy_weights_are_in_their_range",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="keep_what_was_published",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.state <> 'draft'"),
                func=pgtrigger.Func(
                    """
                    -- Who it was may be forgotten (a person erased); when and what may not.
                    IF TG_OP = 'DELETE' OR NEW.state = 'draft' OR
                        to_jsonb(NEW) - ARRAY['state', 'created_by_id', 'published_by_id', 'published_at']
                        <> to_jsonb(OLD) - ARRAY['state', 'created_by_id', 'published_by_id', 'published_at']
                    THEN
                        RAISE EXCEPTION 'A policy that was published stays as it was.'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                    """
                ),
            ),
            pgtrigger.Trigger(
                name="keep_what_people_were_shown",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.state = 'draft'"),
                func=pgtrigger.Func(KEEP_SHOWN),
            ),
            *audited(),
        ]

    def __str__(self) -> str:
        return f"{self.name}, version {self.version}"


class SavedQuery(models.Model):
    """A request to try policies on: what the preview shows two policies' lists for."""

    text = models.CharField(_("request"), max_length=400, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = _("saved queries")

    def __str__(self) -> str:
        return self.text
