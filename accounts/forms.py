from __future__ import annotations

from django import forms


class SignUpForm(forms.Form):
    """What we ask beside the address and the password. allauth puts its own fields in front."""

    name = forms.CharField(max_length=120)

    def signup(self, request: object, user: object) -> None: ...
