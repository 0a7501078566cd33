"""`{% idempotency_key %}`: the hidden field by which a form sent twice has one effect."""

from __future__ import annotations

from uuid import uuid4

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.idempotency import FORM_KEY

register = template.Library()


@register.simple_tag
def idempotency_key() -> SafeString:
    return format_html('<input type="hidden" name="{}" value="{}">', FORM_KEY, uuid4())
