"""A mail server on loopback that speaks SMTP and keeps what it accepts."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


class _Keep:
    def __init__(self) -> None:
        self.accepted: list[EmailMessage] = []
        self.refuse: set[str] = set()
        self.answers: dict[str, str] = {}
        self.on_acceptance: Callable[[], object] | None = None

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refuse:
            return "550 No such person here"
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.accepted.append(message)
        if self.on_acceptance:
            self.on_acceptance()
        return "250 Kept"


def _free_port() -> int:
    """aiosmtpd connects to its port to see itself started, so it must know the number beforehand."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MailServer:
    """`with MailServer() as server:` then `server.url` for EMAIL_URL and `server.accepted`."""

    def __init__(self) -> None:
        self._keep = _Keep()
        self._controller = Controller(self._keep, hostname="127.0.0.1", port=_free_port())

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def accepted(self) -> list[EmailMessage]:
        return self._keep.accepted

    @property
    def refuse(self) -> set[str]:
        """Addresses that the server refuses for good."""
        return self._keep.refuse

    def when_accepted(self, act: Callable[[], object]) -> None:
        """Called when a message is kept, before the sender is told."""
        self._keep.on_acceptance = act

    @property
    def answers(self) -> dict[str, str]:
        """What the server says to other addresses instead of taking them: "452 4.2.2 Full"."""
        return self._keep.answers
