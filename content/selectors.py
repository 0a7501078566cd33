"""The words that program managers wrote, as people read them."""

from __future__ import annotations

from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.db.models import Count, Q, QuerySet, Window

from content.models import HelpPrompt

LONGEST_SEARCH = 200


def help_prompts(search: str = "") -> QuerySet[HelpPrompt]:
    """The questions of the help page: by category, the largest first, or what fits `search`, the best first.

    A search finds other forms of a word ("cancelling" for "cancel"), and parts of words that it would
    not know, like half a name.
    """
    prompts = HelpPrompt.objects.filter(is_active=True)
    words = search[:LONGEST_SEARCH].split()
    if not words:
        # What most is said about is mostly what is looked for.
        size = Window(Count("pk"), partition_by="category")
        return prompts.annotate(size=size).order_by("-size", "category", "topic")
    text = (
        SearchVector("topic", weight="A", config="english")
        + SearchVector("category", weight="B", config="english")
        + SearchVector("response", weight="C", config="english")
    )
    query = SearchQuery(" ".join(words), search_type="websearch", config="english")
    holds_all = Q()
    for word in words:
        holds_all &= (
            Q(topic__icontains=word) | Q(category__icontains=word) | Q(response__icontains=word)
        )
    return (
        prompts.annotate(text=text, rank=SearchRank(text, query))
        .filter(Q(text=query) | holds_all)
        .order_by("-rank", "category", "topic")
    )
