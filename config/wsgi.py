"""What gunicorn serves."""

from __future__ import annotations

import contextlib
import os
import threading

from django.core.wsgi import get_wsgi_application

from config import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

application = get_wsgi_application()


def _warm() -> None:
    """Load the models, or what speaks to them, before the first mentee asks: it takes most of a second."""
    from matching import llm
    from matching.embeddings import EmbeddingUnavailable, backend

    llm.model()

    with contextlib.suppress(EmbeddingUnavailable):  # the first request will say it aloud
        model = backend()
        if model.is_local:  # the others are an address away
            model.embed_query("warm")
    garbage.settle()


threading.Thread(target=_warm, name="warm-up", daemon=True).start()
