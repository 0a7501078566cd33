"""Every sentence of ours is in every language, whole, with what it is filled in with. Needs no gettext tools."""

from __future__ import annotations

import ast
import gettext
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.utils.translation import override
from django.utils.translation.template import templatize

from config.admin_menu import ROOMS
from config.environment import BASE_DIR
from tests.translated import Message, plural_forms, read

LANGUAGES = [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
APPS = ("accounts", "analytics", "config", "content", "matching", "mentors", "sessions_app", "sync")

_ONE = {"_", "gettext", "gettext_lazy", "gettext_noop"}
_MANY = {"ngettext", "ngettext_lazy"}
# What a sentence is filled in with, and what its HTML and its links are.
_FILLED = re.compile(r"%\(\w+\)[a-z]|%[ds%]|\{\{ \w+ \}\}|\{\w+\}|</?[a-z][^>]*>|`\w+`")
_OF_TEMPLATE = re.compile(r" (n?gettext|_)\(u?((?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|, *u?)+)")


def po(language: str) -> Path:
    return BASE_DIR / "locale" / language / "LC_MESSAGES" / "django.po"


def sources() -> Iterator[Path]:
    for app in APPS:
        yield from (BASE_DIR / app).rglob("*.py")
    for kind in ("*.html", "*.txt"):
        yield from (BASE_DIR / "templates").rglob(kind)


def in_python(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        first = node.args[0]
        if (
            name in _ONE | _MANY
            and isinstance(first, ast.Constant)
            and isinstance(first.value, str)
        ):
            yield first.value


def in_template(path: Path) -> Iterator[str]:
    for _name, strings in _OF_TEMPLATE.findall(templatize(path.read_text(), origin=str(path))):
        found = ast.literal_eval(f"({strings.rstrip(', u')},)")
        yield found[0]


@pytest.fixture(scope="module")
def wanted() -> set[str]:
    found = {
        message
        for path in sources()
        for message in (in_python(path.read_text()) if path.suffix == ".py" else in_template(path))
    }
    assert len(found) > 1500, "The search for sentences finds too few."
    return found


def test_sentences_are_marked_by_names_that_the_tools_know():
    """xgettext looks for these names and for no other, so what another one marks is never translated."""
    imported = re.compile(r"\bn?gettext\w* as (?!_\b)\w+")
    marked = [
        str(path)
        for path in sources()
        if path.suffix == ".py" and imported.search(path.read_text())
    ]
    assert marked == []


@pytest.mark.parametrize("language", LANGUAGES)
class TestEveryLanguage:
    def test_each_sentence_of_the_code_is_there(self, language, wanted):
        """Where it is not: script/messages, then translate in the .po file, then script/messages."""
        there = {message.id for message in read(po(language))}
        assert sorted(wanted - there) == []

    def test_none_is_empty_or_guessed(self, language):
        forms = plural_forms(po(language))
        for message in read(po(language)):
            assert not message.is_fuzzy, message.id
            assert len(message.said) == (forms if message.plural else 1), message.id
            assert all(message.said), message.id

    def test_each_is_filled_in_with_the_same(self, language):
        """A sentence whose placeholder has another name breaks the page that says it."""
        wrong = [message for message in read(po(language)) if not is_filled_alike(message)]
        assert [message.id for message in wrong] == []

    def test_the_compiled_file_says_what_the_source_says(self, language):
        with po(language).with_suffix(".mo").open("rb") as file:
            compiled = gettext.GNUTranslations(file)._catalog
        said = {
            (key, n) if message.plural else key: text
            for message in read(po(language))
            for key in [message.key]
            for n, text in enumerate(message.said)
        }
        assert {key: text for key, text in compiled.items() if key != ""} == said


def is_filled_alike(message: Message) -> bool:
    meant = [Counter(_FILLED.findall(form)) for form in message.forms]
    said = [Counter(_FILLED.findall(text)) for text in message.said]
    if message.plural and said[0] <= meant[-1]:
        said = said[1:]  # of one thing a language may say "every week", and no number
    return all(text in meant for text in said)


def names_in_the_console() -> Iterator[tuple[str, str]]:
    """What models and columns of ours are called, explained by and chosen from, each with whose it is."""
    with override(None):
        for model in admin.site._registry:
            if model._meta.app_label not in APPS:
                continue
            yield str(model._meta.verbose_name), model._meta.label
            many = str(model._meta.verbose_name_plural)
            if model._meta.label_lower in _IN_THE_MENU:  # whose words begin large
                many = many[:1].upper() + many[1:]
            yield many, model._meta.label
            for field in model._meta.fields:
                # Django's own are translated with Django; an id needs no name.
                if type(field).__name__ != "BigAutoField" and field.name not in _OF_DJANGO:
                    yield str(field.verbose_name), str(field)
                    yield str(field.help_text), str(field)
                    yield from ((str(label), str(field)) for _value, label in field.choices or ())


_IN_THE_MENU = {
    f"{app}.{model}"
    for _heading, entries in ROOMS
    for _label, _icon, app, model, *page in entries
    if not page
}
_OF_DJANGO = ("password", "last_login", "is_superuser")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_name_that_the_console_shows_is_translated(language):
    known = {message.key for message in read(po(language))} | {""}
    left = {f"{text} ({whose})" for text, whose in names_in_the_console() if text not in known}
    assert sorted(left) == []


class Eager(ast.NodeVisitor):
    """Translations that are looked up while a module is read: they stay in the language of that moment."""

    def __init__(self, text: str) -> None:
        tree = ast.parse(text)
        imported = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
        self.eager = {
            name.asname or name.name
            for node in imported
            if node.module == "django.utils.translation"
            for name in node.names
            if name.name in ("gettext", "ngettext", "pgettext")
        }
        self.lines: list[int] = []
        self.visit(tree)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for part in (*node.decorator_list, *node.args.defaults):  # not what runs when it is called
            self.visit(part)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Runs when it is called."""

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in self.eager:
            self.lines.append(node.lineno)
        self.generic_visit(node)


def test_no_sentence_keeps_the_language_of_the_start():
    found = [
        f"{path.relative_to(BASE_DIR)}:{line}"
        for path in sources()
        if path.suffix == ".py"
        for line in Eager(path.read_text()).lines
    ]
    assert found == []
