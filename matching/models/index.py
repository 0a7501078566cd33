"""What the search knows of mentors: vectors and words."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

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

    mentor = models.ForeignKey(
        Mentor,
        on_delete=models.CASCADE,
        related_name="word_counts",
        db_index=False,  # it begins `words_of_a_mentor`
    )
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
        indexes = [
            # For the words of a hundred candidates: each one's stand on one page or two.
            models.Index(fields=["mentor", "word"], include=["count"], name="words_of_a_mentor")
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
        verbose_name_plural = _("word frequencies")

    def __str__(self) -> str:
        return f"{self.word} of {self.mentors} mentors"
