from __future__ import annotations

from unfold.sites import UnfoldAdminSite


class OperationsSite(UnfoldAdminSite):  # type: ignore[misc]
    """The program managers' console."""

    site_header = site_title = "Office Hours"
    index_title = "Today"
