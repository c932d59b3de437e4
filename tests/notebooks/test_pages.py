"""The README is short, and its links and those of the pages around it lead somewhere."""

import re
from pathlib import Path

import pytest

from vqgen_utils.machine import REPOSITORY

README = REPOSITORY / "README.md"
DOCS = sorted((REPOSITORY / "docs").glob("*.md"))
PAGES = [README, *DOCS, REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "data" / "README.md"]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def linked(page: Path) -> set[Path]:
    """The files that a page's links and pictures name; links into the web are left out."""
    addresses = [text for text in LINK.findall(page.read_text("utf-8")) if "://" not in text]
    return {(page.parent / address.partition("#")[0]).resolve() for address in addresses}


def test_the_readme_is_read_in_five_minutes():
    assert len(README.read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_files(page):
    missing = [str(path) for path in linked(page) if not path.exists()]
    assert missing == []


def test_the_readme_leads_to_every_page_and_every_notebook():
    notebooks = sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb"))
    assert {*DOCS, *notebooks} - linked(README) == set()
