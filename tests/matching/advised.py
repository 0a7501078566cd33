"""Asking for matches where a language model helps, and saying what it says."""

from __future__ import annotations

import json

from accounts.models import ProgramSettings
from tests.matching.worlds import ROUND
from tests.people import alice, api


def told(order=None, **reworded):
    """What the model says: the profiles in another order, the question in other words."""
    nothing = {"wordings": [], "terms": [], "areas": [], "industries": [], "stages": []}

    def chat(purpose, data):
        if purpose == "rewording":
            return {**nothing, **reworded}
        ids = [profile["id"] for profile in data["profiles"]]
        return {"order": order(data["profiles"]) if order else ids}

    return chat


def first(words):
    """The profile with these words comes first, the others stay."""
    return lambda profiles: [
        profile["id"] for profile in sorted(profiles, key=lambda one: words not in str(one))
    ]


def ask(client, query=ROUND, **more):
    response = client.post("/api/match", {"query": query, **more}, format="json")
    assert response.status_code == 200, response.content
    return response.json()


def names(answer):
    return [match["mentor"]["name"] for match in answer["matches"]]


def without_ids(answer):
    """Without what names the request, so that two answers can be compared."""
    text = json.dumps(answer).replace(answer["request_id"], "")
    return json.loads(text)


def asked_of(server, purpose=""):
    return [
        request.body
        for request in server.requests
        if purpose in request.body["response_format"]["json_schema"]["name"]
    ]


def ask_without(query=ROUND, **more):
    """The answer as it is without a model, to somebody else of whom the same is known."""
    ProgramSettings.objects.update(language_model_helps=False)
    answer = ask(api(alice(email="anna@example.com")), query, **more)
    ProgramSettings.objects.update(language_model_helps=True)
    return answer
