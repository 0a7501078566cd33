"""A mentor's words side by side, for the words of a hundred candidates: one index in place of the plain one."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matching", "0013_who_changed_what"), ("mentors", "0003_who_changed_what")]

    operations = [
        migrations.AddIndex(
            model_name="wordcount",
            index=models.Index(
                fields=["mentor", "word"], include=["count"], name="words_of_a_mentor"
            ),
        ),
        migrations.AlterField(
            model_name="wordcount",
            name="mentor",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="word_counts",
                to="mentors.mentor",
            ),
        ),
    ]
