"""What the engine remembers of the base itself. Imported as `sync.models`."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class BaseField(models.Model):
    """A table or field of the base as it was last seen; `field` is empty for the table itself.

    Its id outlives a rename, and so do the ids of a select's choices (`words`: which word of ours
    each one stands for). `problem` is what an operator has to mend or should know.
    """

    base_id = models.CharField(max_length=32)
    table = models.CharField(max_length=64)
    field = models.CharField(max_length=64, blank=True)
    address = models.CharField(_("id in Airtable"), max_length=32, blank=True)
    name_there = models.CharField(_("name in Airtable"), max_length=255, blank=True)
    words = models.JSONField(default=dict, blank=True)
    problem = models.TextField(blank=True)
    is_blocked = models.BooleanField(default=False)
    since = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("field of the base")
        verbose_name_plural = _("fields of the base")
        constraints = [
            models.UniqueConstraint(
                fields=["base_id", "table", "field"], name="a_field_of_the_base_is_known_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.table} / {self.field}" if self.field else self.table
