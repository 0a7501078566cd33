from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.models import User


def home(request: HttpRequest) -> HttpResponse:
    """The front page; for people we know, the place where their work is."""
    user = request.user
    if not isinstance(user, User):
        return render(request, "home.html")
    if user.role == User.Role.MENTOR:
        return redirect("sessions:list")
    return redirect("admin:index" if user.is_program_manager else "matching:search")
