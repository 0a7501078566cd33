"""The one module that talks to Airtable.

pyairtable builds the requests; retries are ours, because its own repeat a POST whose answer was
lost, which makes the same record twice. Every failure leaves here as one of `sync.errors`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from django.utils import timezone
from pyairtable import Api

from sync import guard, limiter, meter
from sync.errors import (
    AirtableError,
    Ambiguous,
    AuthOrQuota,
    Gone,
    Permanent,
    SchemaDrift,
    Transient,
)
from sync.hurry import at_most, time_left
from sync.limiter import OnHold

TIMEOUT = (5, 30)
_READS = frozenset({"GET"})


class Wire:
    """The way to one base."""

    def __init__(self, *, token: str, base_id: str, api_url: str) -> None:
        self.base_id = base_id
        self._token = token
        self._api_url = api_url
        self._limiter = limiter.for_base()
        self._local = threading.local()

    def _drifted(self) -> None:
        """A field is not there any more under the name or id we know."""
        raise NotImplementedError

    def _api(self) -> Api:
        # A requests session is not promised to be safe between threads.
        api = getattr(self._local, "api", None)
        if api is None:
            api = Api(self._token, timeout=TIMEOUT, retry_strategy=None, endpoint_url=self._api_url)
            # A proxy for the outside world has no business with a base on this machine.
            api.session.trust_env = not guard.is_loopback(self._api_url)
            self._local.api = api
        found: Api = api
        return found

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        json: dict[str, Any] | None = None,
        missing_is_gone: bool = False,
        table: str = "",
    ) -> Any:
        if method not in _READS:
            guard.check(table)
        meter.admit(self.base_id)
        try:
            with self._counted(), self._limiter.place(patience=time_left()):
                url = f"{self._api_url}/v0/{path}"
                api = self._api()
                return _answer(api, method, url, params, json)
        except OnHold as hold:
            raise Transient(hold.reason, retry_after=hold.seconds) from hold
        except requests.HTTPError as error:
            raise self._refusal(method, error.response, missing_is_gone=missing_is_gone) from None
        except (requests.ConnectTimeout, requests.exceptions.ProxyError) as error:
            raise Transient(f"Airtable cannot be reached: {type(error).__name__}.") from None
        except requests.RequestException as error:
            raise _lost(method, error) from None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a request that was made: after it, when its place is held for nobody any more."""
        try:
            yield
        except OnHold:
            raise
        except BaseException:
            meter.count(self.base_id, now=timezone.now())
            raise
        meter.count(self.base_id, now=timezone.now())

    def _refusal(
        self, method: str, response: requests.Response, *, missing_is_gone: bool
    ) -> AirtableError:
        type_, message = _error_of(response)
        status = response.status_code
        if status == 429:
            return self._limited(response, type_, message)
        if status == 401:
            self._limiter.hold(limiter.HOLD_AFTER_REFUSED_KEY, "Airtable refuses the key.")
            return AuthOrQuota("Airtable refuses the key in AIRTABLE_API_KEY (401).")
        if status >= 500:
            return _server_error(method, status, type_, response)
        if missing_is_gone and status in (403, 404):
            return Gone(type_, message, status=status)
        if status == 403:
            return AuthOrQuota(f"Airtable refuses access: {type_}. {message}".strip())
        if type_ == "UNKNOWN_FIELD_NAME":
            self._drifted()
            return SchemaDrift(message)
        return Permanent(type_, message, status=status)

    def _limited(self, response: requests.Response, type_: str, message: str) -> AirtableError:
        if type_ in ("RATE_LIMIT_REACHED", ""):
            asked = _seconds(response.headers.get("Retry-After"))
            pause = self._limiter.hold_after_429(max(limiter.HOLD_AFTER_429, asked or 0.0))
            return Transient("Airtable's rate limit was reached.", retry_after=pause)
        # Retrying a spent monthly quota only makes noise until the month ends.
        reason = f"Airtable's quota is spent: {type_}."
        self._limiter.hold(limiter.HOLD_AFTER_BILLING, reason)
        return AuthOrQuota(f"{reason} {message}".strip())


def _answer(
    api: Api,
    method: str,
    url: str,
    params: dict[str, Any] | None,
    json: dict[str, Any] | None,
) -> Any:
    """Ask with pyairtable's session: its own `request` prepares, and encodes, each request twice."""
    timeout = (at_most(TIMEOUT[0]), at_most(TIMEOUT[1]))
    response = api.session.request(method, url, params=params, json=json, timeout=timeout)
    response.raise_for_status()
    return response.json() if response.content else None  # some answers are empty


def _lost(method: str, error: requests.RequestException) -> AirtableError:
    """The connection broke. Unless it was never made, a write may have arrived."""
    text = f"The connection to Airtable broke: {type(error).__name__}."
    never_sent = "NewConnectionError" in repr(error)
    return Transient(text) if method in _READS or never_sent else Ambiguous(text)


def _server_error(
    method: str, status: int, type_: str, response: requests.Response
) -> AirtableError:
    text = f"Airtable answered {status} {type_}".strip() + "."
    retry_after = _seconds(response.headers.get("Retry-After"))
    if method in _READS or retry_after is not None:
        return Transient(text, retry_after=retry_after)
    return Ambiguous(text)


def _error_of(response: requests.Response) -> tuple[str, str]:
    """Type and message out of the three shapes that Airtable uses."""
    try:
        error = response.json().get("error", "")
    except (ValueError, AttributeError):
        return "", ""
    if isinstance(error, dict):
        return str(error.get("type") or ""), str(error.get("message") or "")
    return str(error), ""


def _seconds(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None
