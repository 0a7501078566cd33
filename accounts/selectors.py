from __future__ import annotations

from allauth.account.models import EmailAddress

from accounts.models import ProgramSettings, User, normal_email


def program() -> ProgramSettings:
    """The settings of the one program; the defaults until a PM saved any."""
    return ProgramSettings.objects.filter(pk=1).first() or ProgramSettings()


def is_known(email: str) -> bool:
    """Whether somebody here has this address."""
    email = normal_email(email)
    return (
        User.objects.filter(email__iexact=email).exists()
        or EmailAddress.objects.filter(email=email, verified=True).exists()
    )
