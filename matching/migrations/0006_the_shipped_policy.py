from django.db import migrations


class Migration(migrations.Migration):
    """What is shipped is stored after any migrate that leaves no policy: services/policies.py."""

    dependencies = [
        ('matching', '0005_policies'),
    ]

    operations = []
