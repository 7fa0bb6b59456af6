from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.clients.books import Books, deploy_books
from tests.clients.live import Live

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium"),
    # Playwright's own event loop and sockets end after the warnings machinery has looked.
    pytest.mark.filterwarnings("default::ResourceWarning"),
]


@pytest.fixture(scope="module")
def books(server: Live) -> Books:
    return deploy_books(server, "browser-books")


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    driver = subprocess.run(
        [sys.executable, "-m", "playwright", "--version"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if driver.returncode != 0:
        pytest.skip(f"Playwright's driver does not run here: {driver.stderr.strip()}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser.new_page()
        browser.close()


def test_a_book_added_through_the_page_is_there_after_a_reload(books: Books, page: Any) -> None:
    page.goto(f"{books.site}/")
    page.get_by_label("Title").fill("The Dispossessed")
    page.get_by_label("Author").fill("Ursula K. Le Guin")
    page.get_by_label("Year").fill("1974")
    page.get_by_role("button", name="Add book").click()
    page.locator("li", has_text="The Dispossessed").wait_for(timeout=30_000)
    page.reload()
    row = page.locator("li", has_text="The Dispossessed")
    row.wait_for(timeout=30_000)
    assert row.locator(".author").inner_text() == "Ursula K. Le Guin"
    assert [book["title"] for book in books.list()] == ["The Dispossessed"]


def test_the_page_edits_and_deletes(books: Books, page: Any) -> None:
    key = books.create("Old title")
    page.goto(f"{books.site}/")
    row = page.locator(f'li[data-id="{key}"]')
    row.get_by_role("button", name="Edit").click()
    page.get_by_label("Title").fill("New title")
    page.get_by_role("button", name="Save").click()
    page.locator("li", has_text="New title").wait_for(timeout=30_000)
    page.locator(f'li[data-id="{key}"]').get_by_role("button", name="Delete").click()
    page.locator(f'li[data-id="{key}"]').wait_for(state="detached", timeout=30_000)
    assert key not in {book["id"] for book in books.list()}


def test_an_unknown_page_shows_the_error_document(books: Books, page: Any) -> None:
    response = page.goto(f"{books.site}/nowhere")
    assert response.status == 403  # S3 tells of missing keys only those who may list the bucket
    assert page.get_by_role("heading").inner_text() == "Not found"
