"""What program managers were once granted and no page of theirs needs is taken back, once."""

from __future__ import annotations

from typing import Any

from django.db import migrations

_CODENAMES = {
    "accounts": ("add_auditentry", "change_auditentry"),
    "sessions_app": (
        "add_notification", "add_messagepreferences", "add_sessionevent", "change_sessionevent",
        "add_feedback", "change_feedback",
    ),
    "matching": tuple(
        f"{action}_{model}"
        for action in ("add", "change", "delete")
        for model in ("matchrequest", "matchimpression", "matchfeedback", "mentorembedding", "modeluse")
    ),
}  # fmt: skip


def take_back(apps: Any, schema_editor: Any) -> None:
    group = apps.get_model("auth", "Group").objects.filter(name="Program managers").first()
    if group is None:
        return
    permissions = apps.get_model("auth", "Permission").objects
    for app, codenames in _CODENAMES.items():
        group.permissions.remove(
            *permissions.filter(content_type__app_label=app, codename__in=codenames)
        )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_views_that_people_keep"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(take_back, migrations.RunPython.noop)]
