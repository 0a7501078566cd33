"""The `url` of every template: Django's own, with each address looked up once (`accounts/addresses.py`).

A builtin of the engine (settings).
"""

from __future__ import annotations

from django import template
from django.template import Context, Node
from django.template.base import FilterExpression, Parser, Token
from django.template.defaulttags import URLNode, url as as_django_reads
from django.urls import NoReverseMatch
from django.utils.html import conditional_escape

from accounts.addresses import address

register = template.Library()


class AddressNode(Node):
    """Renders what Django's URLNode would, of addresses whose parts have no names."""

    child_nodelists = ()

    def __init__(self, node: URLNode) -> None:
        self.name: FilterExpression = node.view_name
        self.args: list[FilterExpression] = node.args
        self.asvar: str | None = node.asvar

    def render(self, context: Context) -> str:
        name, args = self.name.resolve(context), [arg.resolve(context) for arg in self.args]
        found = ""
        try:
            found = address(name, *args, current_app=_current_app(context))
        except NoReverseMatch:
            if self.asvar is None:
                raise
        if self.asvar is not None:
            context[self.asvar] = found
            return ""
        return conditional_escape(found) if context.autoescape else found


@register.tag
def url(parser: Parser, token: Token) -> Node:
    node = as_django_reads(parser, token)
    return node if node.kwargs else AddressNode(node)


def _current_app(context: Context) -> str | None:
    """The part of the product that an address without one belongs to, as Django's tag finds it."""
    request = getattr(context, "request", None)
    try:
        return str(request.current_app)  # type: ignore[union-attr]
    except AttributeError:
        return getattr(getattr(request, "resolver_match", None), "namespace", None)
