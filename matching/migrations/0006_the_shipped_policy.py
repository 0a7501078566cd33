import datetime

from django.db import migrations

# As ranking.DEFAULT_POLICY has them; a test compares the two.
WEIGHTS = {
    'meaning': 0.6, 'expertise': 0.06, 'rating': 0.10, 'recency': 0.03, 'availability': 0.05,
    'load': 0.15, 'deficit': 0.15, 'acceptance': 0.05, 'connection': 0.03,
    'floor': 0.5, 'diversity': 0.0, 'explore_at': 6,
}

QUERIES = (
    'We are raising our first institutional round and do not know which funds to talk to',
    'I need to hire our first two engineers and have never run an interview',
    'Pricing: we charge per seat and customers keep asking for a flat fee',
    'How do I leave founder-led sales without losing the deals we have?',
    'Our cofounder wants to leave and we have no vesting agreement',
    'Moving a health app through its first regulatory approval in Europe',
    'Is our churn a product problem or the wrong customers?',
    'GDPR',
)


def ship(apps, schema_editor):
    now = datetime.datetime.now(datetime.UTC)
    apps.get_model('matching', 'MatchPolicy').objects.create(
        name='default', version=1, state='published', published_at=now,
        note='As the product was shipped.', **WEIGHTS,
    )
    saved = apps.get_model('matching', 'SavedQuery')
    saved.objects.bulk_create(saved(text=text) for text in QUERIES)


class Migration(migrations.Migration):

    dependencies = [
        ('matching', '0005_policies'),
    ]

    operations = [
        migrations.RunPython(ship, migrations.RunPython.noop),
    ]
