"""The whole product's addresses. Each app's urls.py is its own table of contents."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from accounts import http, urls as accounts_urls
from analytics import urls as analytics_urls
from config import health, metrics, not_found, views
from config.mail_webhook import mail_webhook
from matching import urls as matching_urls, views as matching_views
from mentors import urls as mentors_urls
from sessions_app import urls as sessions_urls, views as sessions_views
from sync import urls as sync_urls

api_urlpatterns = [
    *analytics_urls.api_urlpatterns,
    *sync_urls.api_urlpatterns,
    *accounts_urls.api_urlpatterns,
    *mentors_urls.api_urlpatterns,
    *sessions_urls.api_urlpatterns,
    *matching_urls.api_urlpatterns,
]

urlpatterns = [
    path("", views.home, name="home"),
    # The page is sessions_app's, as its own table of contents names it; that it was opened from a list
    # of matches is noted around it.
    path("mentors/<uuid:mentor_id>/", matching_views.from_a_list(sessions_views.mentor_page)),
    path("", include("sessions_app.urls")),
    path("", include("content.urls")),
    path("", include("mentors.urls")),
    path("", include("accounts.urls")),
    path("", include("matching.urls")),
    path("", include("sync.urls")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("api/", include(api_urlpatterns)),
    path("api/auth/", include("allauth.headless.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs/",
        # Without OPTIONS, whose answer this page's renderer does not know how to write.
        SpectacularSwaggerView.as_view(url_name="schema", http_method_names=["get", "head"]),
        name="docs",
    ),
    path("style/", TemplateView.as_view(template_name="style.html"), name="style"),
    re_path(r"^api/", http.nothing_here),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    *mail_webhook(),
]
if settings.DEMO:
    # Only with the slash: an address without one is still led to the one that has it.
    urlpatterns.append(re_path(r".*/$", not_found.nothing_here))
