"""What paid models were used for."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ModelUse(models.Model):
    """What a paid model was used for in a month, and what it cost by the prices in the settings.

    Kept here and not in the cache, which may be lost at any time: the month's limit hangs on it.
    """

    month = models.DateField(help_text=_("Its first day."))
    purpose = models.CharField(max_length=20)
    model_id = models.CharField(max_length=80)
    calls = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0)
    tokens_in = models.PositiveBigIntegerField(default=0)
    tokens_out = models.PositiveBigIntegerField(default=0)
    cost = models.DecimalField(_("cost in US dollars"), max_digits=18, decimal_places=9, default=0)

    class Meta:
        verbose_name_plural = _("use of models")
        constraints = [
            models.UniqueConstraint(
                fields=["month", "purpose", "model_id"], name="a_use_is_counted_once_per_month"
            )
        ]

    def __str__(self) -> str:
        return f"{self.purpose} by {self.model_id} in {self.month:%Y-%m}"
