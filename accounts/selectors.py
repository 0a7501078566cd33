from __future__ import annotations

from accounts.models import ProgramSettings


def program() -> ProgramSettings:
    """The settings of the one program; the defaults until a PM saved any."""
    return ProgramSettings.objects.filter(pk=1).first() or ProgramSettings()
