from __future__ import annotations

from django.urls import include, path

from sync.urls import api_urlpatterns

urlpatterns = [path("api/", include(api_urlpatterns))]
