import django.db.models.deletion
from django.db import migrations, models

VIEW = """
    CREATE VIEW sessions_app_mentorrating AS
    SELECT session.mentor_id, avg(said.overall)::float AS stars, count(*) AS ratings
    FROM sessions_app_feedback said JOIN sessions_app_session session ON session.id = said.session_id
    WHERE said.side = 'mentee' GROUP BY session.mentor_id
"""


class Migration(migrations.Migration):

    dependencies = [
        ('mentors', '0003_who_changed_what'),
        ('sessions_app', '0007_who_changed_what'),
    ]

    operations = [
        migrations.CreateModel(
            name='MentorRating',
            fields=[
                ('mentor', models.OneToOneField(on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='rated', serialize=False, to='mentors.mentor')),
                ('stars', models.FloatField()),
                ('ratings', models.BigIntegerField()),
            ],
            options={
                'managed': False,
                'default_permissions': (),
            },
        ),
        migrations.RunSQL(VIEW, "DROP VIEW sessions_app_mentorrating"),
    ]
