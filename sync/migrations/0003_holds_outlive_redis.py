from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0002_history_of_records")]

    operations = [
        migrations.AddField(
            model_name="basebinding",
            name="held_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="basebinding",
            name="held_reason",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
    ]
