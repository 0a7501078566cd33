from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('matching', '0002_words_of_mentors'),
    ]

    operations = [
        migrations.CreateModel(
            name='WordFrequency',
            fields=[
                ('word', models.TextField(primary_key=True, serialize=False)),
                ('mentors', models.PositiveIntegerField()),
                ('uses', models.PositiveBigIntegerField()),
            ],
            options={'verbose_name_plural': 'word frequencies'},
        ),
        # A chunk's vector beside its text, and not in a table of its own that is asked row by row: a
        # search reads some hundred of them. Rows written from now on keep to it.
        migrations.RunSQL(
            'ALTER TABLE matching_mentorembedding SET (toast_tuple_target = 8160)',
            'ALTER TABLE matching_mentorembedding RESET (toast_tuple_target)',
        ),
    ]
