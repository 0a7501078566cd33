from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

MENTOR = ("mentor__user__name", "mentor__user__email")
MENTEE = ("mentee__user__name", "mentee__user__email")


class WithMentor:
    @display(description=_("Mentor"), ordering="mentor__user__name")  # type: ignore[untyped-decorator]
    def mentor_name(self, row: Any) -> str:
        return str(row.mentor.user)
