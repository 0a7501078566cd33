"""From a demo, or nothing, to a real program: the first administrator, the program, mail, the base."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import selectors, services
from accounts.models import ProgramSettings, User, normal_email
from mentors import services as mentors

# Addresses that can belong to nobody (RFC 2606): whoever has one came with the demo.
DEMO_DOMAINS = ("@example.com", "@example.org", "@example.net")

WRONG_INPUT, NO_MAIL, BASE_DOES_NOT_FIT, DEMO_LEFT = 2, 3, 4, 5


class Command(BaseCommand):
    help = (
        "Make this installation a real program: first administrator, program name, test mail, "
        "Airtable check, no demo data. May be repeated. Exit codes: 2 wrong input, 3 the test mail "
        "was not accepted, 4 the base does not fit, 5 demo people are still active."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", help="address of the administrator")
        parser.add_argument("--name", help="name of the administrator")
        parser.add_argument("--program", help="name of the program, as people read it")
        parser.add_argument("--support-email", help="where people write to; default: --email")
        parser.add_argument(
            "--deactivate-demo", action="store_true", help="deactivate demo people without asking"
        )
        parser.add_argument("--skip-mail", action="store_true", help="send no test mail")
        parser.add_argument(
            "--no-input",
            action="store_false",
            dest="interactive",
            help="ask nothing; the password comes from ADMIN_PASSWORD",
        )

    def handle(self, *, interactive: bool, deactivate_demo: bool, **options: Any) -> None:
        self.interactive = interactive
        self._clear_demo(deactivate=deactivate_demo)
        email = self._ask("email", "Your e-mail address", options["email"], "", _an_address)
        known = User.objects.filter(email=email).first()
        name = self._ask(
            "name", "Your name", options["name"], known.name if known else "", _a_text(120)
        )
        program = selectors.program()
        program_name = self._ask(
            "program", "Name of the program", options["program"], program.name, _a_text(80)
        )
        support = self._ask(
            "support-email",
            "Where people write for help",
            options["support_email"],
            program.support_email or email,
            _an_address,
        )
        password = self._password(known, email, name)
        with transaction.atomic():
            admin = _make_administrator(email, name, password)
            _name_program(program_name, support)
        self.stdout.write(f"{admin.name} <{admin.email}> is an administrator of {program_name}.")
        if not admin.has_usable_password():
            self.stdout.write("There is no password: sign in with an e-mailed code.")
        # Both are tried before either stops us: one run tells all there is to mend.
        failures = [] if options["skip_mail"] else self._send_test_mail(admin.email, program_name)
        failures += self._check_base()
        if failures:
            sentence, code = failures[0]
            for other, _code in failures[1:]:
                self.stderr.write(other)
            raise CommandError(sentence, returncode=code)
        self.stdout.write(
            f"Done. Sign in at {settings.SITE_URL}/accounts/login/ and add a second factor under "
            "Settings: the console asks for it."
        )

    # -- Demo people ---------------------------------------------------------------------------
    def _clear_demo(self, *, deactivate: bool) -> None:
        demo = _demo_people()
        count = demo.count()
        if not count:
            return
        signs_in = ", ".join(demo.values_list("email", flat=True)[:3])
        if not deactivate:
            self.stdout.write(
                f"{count} people of the demo are active here (such as {signs_in}), and their "
                "password is public."
            )
            deactivate = self._yes("Deactivate them now?")
        if not deactivate:
            raise CommandError(
                "Nothing was changed. A real program does not run with demo people in it: "
                "deactivate them (--deactivate-demo), or start with an empty database.",
                returncode=DEMO_LEFT,
            )
        with transaction.atomic():
            for user in demo.select_related("mentor", "mentee"):
                _deactivate(user)
        self.stdout.write(f"{count} people of the demo are deactivated.")

    # -- Mail and base -------------------------------------------------------------------------
    def _send_test_mail(self, email: str, program: str) -> list[tuple[str, int]]:
        message = EmailMessage(
            f"{program} can send mail",
            f"This is the test mail of {settings.SITE_URL}. Sign-in codes and confirmations will "
            "reach people the same way.",
            to=[email],
        )
        try:
            accepted = message.send()
        except Exception as error:  # every mail service fails in its own way
            return [
                (
                    f"The test mail to {email} was not accepted: {type(error).__name__}: {error}. "
                    "Check EMAIL_URL or ANYMAIL_*, and run this again.",
                    NO_MAIL,
                )
            ]
        if not accepted:
            return [(f"The test mail to {email} was not accepted, without a reason.", NO_MAIL)]
        self.stdout.write(f"The test mail to {email} was accepted.")
        return []

    def _check_base(self) -> list[tuple[str, int]]:
        if not settings.AIRTABLE_API_KEY:
            self.stdout.write("No Airtable base is configured (AIRTABLE_API_KEY); that is fine.")
            return []
        if "sync_check_schema" not in get_commands():
            return []
        try:
            call_command("sync_check_schema", stdout=self.stdout, stderr=self.stderr)
        except CommandError as error:
            return [(f"The Airtable base was not approved. {error}", BASE_DOES_NOT_FIT)]
        self.stdout.write("Nothing is written to the base until you run: manage.py sync_bind --yes")
        return []

    # -- Asking --------------------------------------------------------------------------------
    def _ask(
        self,
        option: str,
        question: str,
        given: str | None,
        default: str,
        check: Callable[[str], str],
    ) -> str:
        if given is not None:
            return _checked(check, given, option)
        if not self.interactive:
            if default:
                return default
            raise CommandError(f"Give --{option}, or leave out --no-input.", returncode=WRONG_INPUT)
        while True:
            answer = input(f"{question}{f' [{default}]' if default else ''}: ").strip() or default
            try:
                return _checked(check, answer, option)
            except CommandError as error:
                self.stderr.write(str(error))

    def _yes(self, question: str) -> bool:
        return self.interactive and input(f"{question} [y/N]: ").strip().lower() in ("y", "yes")

    def _password(self, known: User | None, email: str, name: str) -> str | None:
        """The new password; None keeps what there is."""
        person = User(email=email, name=name)
        given = os.environ.get("ADMIN_PASSWORD", "")
        if given or not self.interactive:
            return _good_password(given, person) if given else None
        keep = " (empty: keep the one you have)" if known and known.has_usable_password() else ""
        while True:
            first = getpass.getpass(f"Password{keep}: ")
            if not first:
                return None
            try:
                password = _good_password(first, person)
            except CommandError as error:
                self.stderr.write(str(error))
                continue
            if getpass.getpass("Once more: ") == password:
                return password
            self.stderr.write("The two are not the same.")


def _demo_people() -> QuerySet[User]:
    somewhere = Q()
    for domain in DEMO_DOMAINS:
        somewhere |= Q(email__iendswith=domain)
    return User.objects.filter(somewhere, status=User.Status.ACTIVE).order_by("created_at", "email")


def _deactivate(user: User) -> None:
    if hasattr(user, "mentor"):
        mentors.update_profile(mentor_id=user.mentor.pk, changes={"is_active": False}, by=None)
    if hasattr(user, "mentee"):
        mentors.update_mentee(mentee_id=user.mentee.pk, changes={"is_active": False}, by=None)
    services.deactivate(user=user, by=None, now=timezone.now())


def _make_administrator(email: str, name: str, password: str | None) -> User:
    """That person as administrator, with the address taken as theirs: who runs this vouches."""
    user = User.objects.select_for_update(no_key=True).filter(email=email).first()
    if user is None:
        user = User.objects.create_superuser(email, password, name=name)
    elif not EmailAddress.objects.filter(user=user, email=email, verified=True).exists():
        services.empty_of_secrets(user=user, email=email)
    user.name, user.is_superuser = name, True
    if password is not None:
        user.set_password(password)
    user.save(update_fields=["name", "is_superuser", "password"])
    services.set_role(user=user, role=User.Role.ADMIN)
    EmailAddress.objects.filter(email=email).exclude(user=user).delete()
    EmailAddress.objects.filter(user=user, primary=True).exclude(email=email).update(primary=False)
    EmailAddress.objects.update_or_create(
        user=user, email=email, defaults={"verified": True, "primary": True}
    )
    return services.reactivate(user=user, by=None, now=timezone.now())


def _name_program(name: str, support_email: str) -> None:
    ProgramSettings.objects.update_or_create(
        pk=1, defaults={"name": name, "support_email": support_email}
    )


def _checked(check: Callable[[str], str], value: str, option: str) -> str:
    try:
        return check(value)
    except ValidationError as error:
        raise CommandError(
            f"--{option}: {' '.join(error.messages)}", returncode=WRONG_INPUT
        ) from error


def _an_address(value: str) -> str:
    email = normal_email(value)
    validate_email(email)
    if email.endswith(DEMO_DOMAINS):
        raise ValidationError("No mail reaches this address; it is one of the demo's.")
    return email


def _a_text(longest: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        text = " ".join(value.split())
        if not 0 < len(text) <= longest or not text.isprintable():
            raise ValidationError(f"Give 1 to {longest} characters.")
        return text

    return check


def _good_password(password: str, person: User) -> str:
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages), returncode=WRONG_INPUT) from error
    return password
