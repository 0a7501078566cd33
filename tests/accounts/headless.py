"""The phone app's side of allauth's headless API."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from tests.people import PASSWORD

AUTH = "/api/auth/app/v1/auth"


class Phone:
    """Keeps the session token that the last answer gave, as an app does."""

    def __init__(self) -> None:
        self.client = APIClient()
        self.token = ""

    def call(self, method: str, path: str, data: dict[str, Any] | None = None):
        headers = {"X-Session-Token": self.token} if self.token else {}
        response = getattr(self.client, method)(path, data, format="json", headers=headers)
        if response.headers["Content-Type"].startswith("application/json"):
            body = response.json()
            meta = body.get("meta") if isinstance(body, dict) else None
            self.token = (meta or {}).get("session_token") or self.token
        return response


def app_session(email: str, password: str = PASSWORD) -> str:
    """The session token of a fresh sign-in by password."""
    phone = Phone()
    response = phone.call("post", f"{AUTH}/login", {"email": email, "password": password})
    assert response.status_code == 200, response.content
    return phone.token
