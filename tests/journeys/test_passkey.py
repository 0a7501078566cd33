"""A program manager with a passkey: set up, and used to sign in. The key is Chromium's own."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions

from tests.browser import Page, chromium
from tests.journeys.looking import PASSWORD

pytestmark = [
    pytest.mark.slow,
    pytest.mark.crowd,
    pytest.mark.browser,
    pytest.mark.xdist_group("journeys"),
]


def test_a_manager_signs_in_with_a_passkey(product):
    with chromium() as chrome:
        key = VirtualAuthenticatorOptions(
            transport=VirtualAuthenticatorOptions.Transport.INTERNAL,
            has_resident_key=True,
            has_user_verification=True,
            is_user_verified=True,
        )
        chrome.add_virtual_authenticator(key)
        page = Page(chrome)
        # A key belongs to a name, and an address is none.
        here = product.url.replace("127.0.0.1", "localhost")

        page.open(f"{here}/accounts/login/")
        page.type("#id_login", "carol@example.com")
        page.type("#id_password", PASSWORD)
        page.press("form:has(#id_password) .btn-primary")
        page.open(f"{here}/accounts/2fa/webauthn/add/")
        if page.all("#id_password"):  # who changes how they sign in says who they are once more
            page.type("#id_password", PASSWORD)
            page.press("form:has(#id_password) .btn-primary")
        page.type("#id_name", "This laptop")
        page.click("#id_passwordless")
        page.press("#mfa_webauthn_add")
        assert "There are 10 out of 10 recovery codes" in page.text
        page.open(f"{here}/accounts/2fa/webauthn/")
        assert "This laptop" in page.text
        assert len(chrome.get_credentials()) == 1

        chrome.delete_all_cookies()
        page.open(f"{here}/accounts/login/?next=/admin/")
        page.press("#passkey_login")
        assert "What needs you today" in page.text
        assert page.errors == []
