from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from accounts.models import User
from matching.models.experiments import KEEP_SHOWN, Experiment as Experiment
from matching.models.market import MarketPicture as MarketPicture, MarketRun as MarketRun
from matching.ranking import MOST
from mentors.models import Mentor


class MentorIndex(models.Model):
    """What one model knows of one mentor: the hash of the profile text that its vectors were made from.

    A profile whose text no longer has this hash is stale and is embedded again by a worker, whoever
    changed it. Vectors of several models stand side by side, so switching never stops search.
    """

    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="indexes")
    model_id = models.CharField(max_length=80)
    source_hash = models.CharField(max_length=64)
    embedded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mentor", "model_id"], name="a_mentor_is_indexed_once_per_model"
            )
        ]

    def __str__(self) -> str:
        return f"{self.mentor_id} by {self.model_id}"


class MentorEmbedding(models.Model):
    """One chunk of a mentor's profile as a vector of unit length.

    The column has no fixed dimension, so that models of different sizes share the table.
    """

    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="embeddings")
    model_id = models.CharField(max_length=80)
    chunk_no = models.PositiveSmallIntegerField()
    text = models.TextField()
    text_hash = models.CharField(max_length=64)
    vector = VectorField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mentor", "model_id", "chunk_no"], name="a_chunk_is_embedded_once_per_model"
            )
        ]

    def __str__(self) -> str:
        return f"{self.mentor_id} chunk {self.chunk_no} by {self.model_id}"


class WordIndex(models.Model):
    """A mentor as the word search knows them: the hash of the words' source, and how many there are.

    Kept beside the vectors because names, companies and exact tags are found by their words, and
    because words need no provider: they answer alone while there are no vectors.
    """

    mentor = models.OneToOneField(
        Mentor, primary_key=True, on_delete=models.CASCADE, related_name="word_index"
    )
    source_hash = models.CharField(max_length=64)
    length = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.length} words of {self.mentor_id}"


class WordCount(models.Model):
    """How often a mentor's profile uses a word (its stem): an inverted index in plain SQL.

    BM25 needs the counts and how many mentors use a word; a tsvector gives neither without
    unpacking every row.
    """

    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="word_counts")
    word = models.TextField()
    count = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            # The count rides along, so that a search reads the index and not the table.
            models.UniqueConstraint(
                fields=["word", "mentor"],
                include=["count"],
                name="a_word_is_counted_once_per_mentor",
            )
        ]

    def __str__(self) -> str:
        return f"{self.word} x {self.count} by {self.mentor_id}"


class WordFrequency(models.Model):
    """How many mentors use a word, and how often all of them together; "" stands for all words.

    Kept by whoever counts words (services/indexing.py), because a question's words are weighed by their
    rarity, and counting the mentors of a common word afresh takes longer than the rest of a search.
    """

    word = models.TextField(primary_key=True)
    mentors = models.PositiveIntegerField()
    uses = models.PositiveBigIntegerField()

    class Meta:
        verbose_name_plural = "word frequencies"

    def __str__(self) -> str:
        return f"{self.word} of {self.mentors} mentors"


def weight(name: str, help_text: str = "") -> models.FloatField:  # type: ignore[type-arg]
    """A weight of a policy, with the range that `ranking` gives it."""
    limits = [MinValueValidator(0.0), MaxValueValidator(MOST[name])]
    return models.FloatField(validators=limits, help_text=help_text)


class MatchPolicy(models.Model):
    """A version of the weights that order every list of mentors. One is published at a time.

    A draft may be edited; what was once published stays as it was, so that what a request was answered
    with can be read later. A change is a new draft, then published in place of the old version.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        RETIRED = "retired", "Retired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(
        max_length=40,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$", "Small letters, digits and hyphens.")],
    )
    version = models.PositiveIntegerField(editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, editable=False)
    note = models.TextField(blank=True, help_text="What this version is for, in a sentence.")

    meaning = weight(
        "meaning", "The share of the meaning in relevance; the words have the rest of 1."
    )
    expertise = weight("expertise", "An area that the request names, by the weight it has.")
    rating = weight("rating", "How founders rated the mentor, few ratings counting little.")
    recency = weight("recency", "The mentor was here lately; it halves every 30 days.")
    availability = weight("availability", "Open starts in the next seven days.")
    load = weight("load", "Taken off: how full the mentor's coming week is.")
    deficit = weight("deficit", "Sessions that the mentor's last four weeks should have brought.")
    acceptance = weight("acceptance", "How often the mentor said yes to requests, where asked.")
    connection = weight("connection", "The founder met, or names, the mentor's company.")
    floor = weight("floor", "The share of the best relevance below which nothing lifts a mentor.")
    diversity = weight("diversity", "Taken off: how like the mentor is to one further up. 0: off.")
    explore_at = models.PositiveSmallIntegerField(
        "place for a new mentor",
        validators=[MaxValueValidator(int(MOST["explore_at"]))],
        help_text="The place of a list that is kept for a new mentor who fits. 0: none.",
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
        verbose_name_plural = "match policies"
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
        ]

    def __str__(self) -> str:
        return f"{self.name}, version {self.version}"


class SavedQuery(models.Model):
    """A request to try policies on: what the preview shows two policies' lists for."""

    text = models.CharField("request", max_length=400, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "saved queries"

    def __str__(self) -> str:
        return self.text


class MatchRequest(models.Model):
    """What somebody asked for, and under which model and policy it was answered."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="match_requests")
    query = models.TextField()
    filters = models.JSONField(default=dict)
    model_id = models.CharField(max_length=80)
    policy = models.CharField(max_length=40)
    policy_version = models.PositiveIntegerField(db_default=0)
    # control, treatment, or both in one list; "" outside experiments.
    experiment = models.ForeignKey(
        Experiment, null=True, on_delete=models.PROTECT, related_name="requests", db_index=False
    )
    arm = models.CharField(max_length=9, blank=True, db_default="")
    # What a language model did for it: "reworded", "ordered"; mostly nothing.
    advice = models.CharField(max_length=40, blank=True, default="", db_default="")
    took_ms = models.PositiveIntegerField()
    # The answer was kept from minutes before, and given again because nothing had changed.
    from_cache = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-created_at"], name="match_request_by_user"),
            models.Index(
                fields=["experiment", "created_at"],
                condition=Q(experiment__isnull=False),
                name="match_requests_of_experiments",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(arm="", experiment=None)
                | Q(arm__in=["control", "treatment", "both"], experiment__isnull=False),
                name="a_request_has_an_arm_of_an_experiment_or_neither",
            )
        ]

    def __str__(self) -> str:
        return f"request {self.id}"


class MatchImpression(models.Model):
    """A mentor shown for a request: where, with what score and why."""

    request = models.ForeignKey(MatchRequest, on_delete=models.CASCADE, related_name="impressions")
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="impressions")
    position = models.PositiveSmallIntegerField()
    score = models.PositiveSmallIntegerField()
    reasons = models.JSONField(default=list)
    # Shown in the place that the policy keeps for new mentors, and not for its fit alone.
    is_explored = models.BooleanField(db_default=False)
    # Whose pick this was in an experiment: control or treatment.
    team = models.CharField(max_length=9, blank=True, db_default="")
    # When the person who asked opened the mentor's page from the list, the first time.
    clicked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "mentor"], name="a_mentor_is_shown_once_per_request"
            ),
            models.CheckConstraint(
                condition=Q(team__in=["", "control", "treatment"]), name="impression_team_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mentor_id} at {self.position}"


class ModelUse(models.Model):
    """What a paid model was used for in a month, and what it cost by the prices in the settings.

    Kept here and not in the cache, which may be lost at any time: the month's limit hangs on it.
    """

    month = models.DateField(help_text="Its first day.")
    purpose = models.CharField(max_length=20)
    model_id = models.CharField(max_length=80)
    calls = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0)
    tokens_in = models.PositiveBigIntegerField(default=0)
    tokens_out = models.PositiveBigIntegerField(default=0)
    cost = models.DecimalField("cost in US dollars", max_digits=18, decimal_places=9, default=0)

    class Meta:
        verbose_name_plural = "use of models"
        constraints = [
            models.UniqueConstraint(
                fields=["month", "purpose", "model_id"], name="a_use_is_counted_once_per_month"
            )
        ]

    def __str__(self) -> str:
        return f"{self.purpose} by {self.model_id} in {self.month:%Y-%m}"


class MatchFeedback(models.Model):
    """Somebody said of a mentor whom they were shown: not relevant, because …

    A judgement like those of a labelled set, grade 0 for this question; and whoever said it is not shown
    that mentor again for a while.
    """

    class Reason(models.TextChoices):
        WRONG_INDUSTRY = "wrong_industry", _("Wrong industry")
        WRONG_STAGE = "wrong_stage", _("Wrong stage")
        NOT_MEANT = "not_meant", _("Not what I meant")
        KNOWN = "known", _("I know them already")
        NOT_THEM = "not_them", _("Not this person")
        OTHER = "other", _("Something else")

    # These are about the person, whatever is asked; the others about this question alone.
    ABOUT_THE_PERSON = (Reason.KNOWN, Reason.NOT_THEM)

    # How long "not relevant" holds: people, their profiles and what is meant by a question change.
    HOLDS_FOR = timedelta(days=90)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(MatchRequest, on_delete=models.CASCADE, related_name="feedback")
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="match_feedback")
    # As the request's: every search asks for them, by person and question.
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="match_feedback")
    question = models.TextField(help_text="As it was asked, in lower case.")
    reason = models.CharField(max_length=16, choices=Reason)
    words = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "match feedback"
        constraints = [
            models.UniqueConstraint(
                fields=["request", "mentor"], name="a_match_is_judged_once_per_request"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    reason__in=[
                        "wrong_industry", "wrong_stage", "not_meant", "known", "not_them", "other",
                    ]
                ),
                name="match_feedback_reason_is_known",
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["user", "-created_at"], name="match_feedback_by_user")]

    def __str__(self) -> str:
        return f"{self.mentor_id} not relevant: {self.reason}"

    @property
    def hidden_until(self) -> datetime:
        return self.created_at + self.HOLDS_FOR
