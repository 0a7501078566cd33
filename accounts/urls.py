from __future__ import annotations

from allauth.headless.constants import Client
from django.conf import settings
from django.urls import path

from accounts import api, views

app_name = "accounts"
urlpatterns = [
    path("settings/", views.settings_page, name="settings"),
    path("settings/privacy/", views.privacy, name="privacy"),
    path("language/", views.language, name="language"),
]

if settings.DEMO:
    urlpatterns += [
        path("dev/mail/", views.mailbox, name="mailbox"),
        path("dev/mail/<str:name>/", views.mail, name="mail"),
        path("dev/mail/<str:name>/html/", views.mail_html, name="mail-html"),
        path("dev/mail/<str:name>/source/", views.mail_source, name="mail-source"),
        path("dev/mail/<str:name>/files/<int:position>/", views.mail_file, name="mail-file"),
    ]

# Included under /api/, before allauth's own: the first of them stands in front of its namesake.
api_urlpatterns = [
    path("auth/app/v1/auth/code/request", api.RequestCodeView.as_api_view(client=Client.APP)),
    path("auth/token", api.TokenView.as_view(), name="auth-token"),
]
