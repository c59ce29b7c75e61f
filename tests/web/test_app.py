"""The page as one application, looked at with a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_the_first_page_is_shown(page_of: str, tab: Page):
    tab.goto(page_of)
    assert tab.title() == "Home · Face Classifier"
