"""Prints the book's one long page, as Sphinx's `singlehtml` builds it, to a PDF with Chromium.

python notebooks/pdf.py PAGE.html BOOK.pdf
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

MINUTES = 10  # 250 pages with their formulas take a slow machine a while
STYLE = """
pre, code { white-space: pre-wrap !important; overflow-wrap: anywhere }
table { font-size: 0.8em; max-width: 100% }
img, figure, details, pre { break-inside: avoid }
.toctree-wrapper h2 { break-before: page }
.widget-subarea, .headerlink, .skip-link { display: none }
"""


def print_pdf(page: Path, pdf: Path) -> None:
    """Write `page`, with its formulas set and an outline of its headings, to `pdf`, A4."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")  # or Playwright's own
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.set_default_timeout(MINUTES * 60_000)
        tab.goto(page.resolve().as_uri())
        tab.evaluate("window.MathJax ? MathJax.startup.promise : null")
        tab.add_style_tag(content=STYLE)
        edge = {side: "15mm" for side in ("top", "right", "bottom", "left")}
        tab.pdf(path=pdf, format="A4", scale=0.8, margin=edge, outline=True, tagged=True)
        browser.close()


if __name__ == "__main__":
    print_pdf(Path(sys.argv[1]), Path(sys.argv[2]))
