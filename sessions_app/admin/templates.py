"""The words of our messages, where program managers change them and see at once what goes out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.admin_parts import Console
from content.models import MessageTemplate
from sessions_app.messages import write_letter
from sessions_app.wording import (
    LABELS,
    ONLY_IN,
    SHIPPED,
    VARIABLES,
    Wording,
    Words,
    kind_named,
    sample_of,
    sentence_about,
    template_name,
    unknown_variables,
)

# The preview shows a mail inside our page: nothing of it may run, load or send anything.
_PREVIEW_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_LABELS = {template_name(kind): label for kind, label in LABELS.items()}


class MessageTemplateForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The name decides which message the words are for, so it is chosen and not typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            own = self.instance.name
            names = _LABELS if not own or kind_named(own) else {own: own, **_LABELS}
            choices = [
                (own if own.lower() == name.lower() else name, label)
                for name, label in names.items()
            ]
            self.fields["name"] = forms.ChoiceField(
                label=_("Message"), choices=choices, widget=UnfoldAdminSelectWidget
            )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for field in ("subject", "body"):
            for name in unknown_variables(values.get(field, "")):
                self.add_error(field, sentence_about(name))
        return values


@admin.register(MessageTemplate)
class MessageTemplateAdmin(Console):
    form = MessageTemplateForm
    list_display = ("name", "channel", "subject", "is_active", "updated_at")
    list_editable = ("is_active",)
    list_filter = ("channel", "is_active")
    search_fields = ("name", "subject", "body")
    ordering = ("name", "channel")
    readonly_fields = ("updated_at",)
    change_form_after_template = "admin/message_words.html"

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """`?name=Session booked` starts from our own words of that message."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        kind = kind_named(str(initial.get("name", "")))
        shipped = SHIPPED.get(kind)
        if shipped:
            initial |= {"subject": shipped.subject, "body": shipped.body}
        return initial

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        add = reverse("admin:content_messagetemplate_add")
        context = {
            "variables": [
                (
                    name,
                    _(meaning),
                    [LABELS[kind] for kind in ONLY_IN.get(name, ())],
                )
                for name, meaning in VARIABLES.items()
            ],
            "shipped": [(label, f"{add}?name={name}") for name, label in _LABELS.items()],
            "preview_url": reverse("admin:content_messagetemplate_preview"),
            "previewed": self._previewed(request, object_id),
        }
        return super().changeform_view(
            request, object_id, form_url, (extra_context or {}) | context
        )

    def _previewed(self, request: HttpRequest, object_id: str | None) -> MessageTemplate | None:
        """What the page begins with, so that the preview does too."""
        if object_id is None:
            words = self.get_changeform_initial_data(request)
            parts = {
                name: words[name]
                for name in ("name", "channel", "subject", "body")
                if name in words
            }
            return MessageTemplate(**parts) if parts.get("body") else None
        return MessageTemplate.objects.filter(pk=object_id).first() if _is_uuid(object_id) else None

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "preview/",
            self.admin_site.admin_view(self.preview),
            name="content_messagetemplate_preview",
        )
        return [own, *super().get_urls()]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """The words that were typed, saved or not, with sample values. It changes nothing."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        given = request.POST if request.method == "POST" else request.GET
        name, subject, body = (given.get(part, "") for part in ("name", "subject", "body"))
        kind = kind_named(name)
        shipped = SHIPPED.get(kind, Wording("", ""))
        # As at sending: without a body our own words go out, without a subject our own subject.
        words: Words = shipped
        if body.strip():
            words = Wording(subject.strip() or shipped.subject, body)
        context = {
            "letter": write_letter(words, sample_of(kind)),
            "unknown": [sentence_about(name) for name in unknown_variables(subject, body)],
            "is_ours": not body.strip(),
            "is_sms": given.get("channel") == MessageTemplate.Channel.SMS,
        }
        response = render(request, "admin/message_preview.html", context)
        response["Content-Security-Policy"] = _PREVIEW_POLICY
        response["X-Frame-Options"] = "SAMEORIGIN"
        return response


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4
