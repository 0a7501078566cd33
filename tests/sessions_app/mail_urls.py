"""The product's addresses as they are where mail goes through a provider."""

from __future__ import annotations

from config import urls
from config.mail_webhook import mail_webhook

urlpatterns = [*mail_webhook(), *urls.urlpatterns]
