from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('matching', '0003_word_frequencies'),
    ]

    operations = [
        migrations.RunSQL(
            """
            INSERT INTO matching_wordfrequency (word, mentors, uses)
            SELECT word, count(*), sum(count) FROM matching_wordcount GROUP BY word
            UNION ALL
            SELECT '', count(*), coalesce(sum(length), 0) FROM matching_wordindex HAVING count(*) > 0
            ON CONFLICT (word) DO NOTHING
            """,
            migrations.RunSQL.noop,
        ),
    ]
