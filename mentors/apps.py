from __future__ import annotations

from django.apps import AppConfig


class MentorsConfig(AppConfig):
    name = "mentors"
    verbose_name = "People and skills"
    default_auto_field = "django.db.models.BigAutoField"
