"""What gunicorn serves."""

from __future__ import annotations

import contextlib
import gc
import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

application = get_wsgi_application()


def _warm() -> None:
    """Load the models, or what speaks to them, before the first mentee asks: it takes most of a second."""
    from matching import llm
    from matching.embeddings import EmbeddingUnavailable, backend

    llm.model()

    with contextlib.suppress(EmbeddingUnavailable):  # the first request will say it aloud
        model = backend()
        if model.model_id.startswith("minilm:"):  # the others are an address away, or nothing
            model.embed_query("warm")
    # What is there by now stays: the collector need not go through it while somebody waits.
    gc.collect()
    gc.freeze()


threading.Thread(target=_warm, name="warm-up", daemon=True).start()
