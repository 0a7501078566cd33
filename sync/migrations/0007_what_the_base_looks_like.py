from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0006_templates_prompts_and_saved_mentors'),
    ]

    operations = [
        migrations.CreateModel(
            name='BaseField',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('base_id', models.CharField(max_length=32)),
                ('table', models.CharField(max_length=64)),
                ('field', models.CharField(blank=True, max_length=64)),
                ('address', models.CharField(blank=True, max_length=32, verbose_name='id in Airtable')),
                ('name_there', models.CharField(blank=True, max_length=255, verbose_name='name in Airtable')),
                ('words', models.JSONField(blank=True, default=dict)),
                ('problem', models.TextField(blank=True)),
                ('is_blocked', models.BooleanField(default=False)),
                ('since', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('base_id', 'table', 'field'), name='a_field_of_the_base_is_known_once')],
            },
        ),
    ]
