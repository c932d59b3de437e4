"""The book as a PDF: one page of HTML goes in, pages of paper come out."""

import re
import shutil
import subprocess
import sys

import pytest

from vqgen_utils.machine import REPOSITORY

PAGE = """<!doctype html><title>A book</title><h1>A book</h1><div class="toctree-wrapper">
<section><h2>01</h2><p>one</p></section><section><h2>02</h2><pre>{code}</pre></section></div>"""


@pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")), reason="no Chromium"
)
def test_each_notebook_begins_on_a_sheet_of_its_own(tmp_path):
    page, pdf = tmp_path / "book.html", tmp_path / "book.pdf"
    page.write_text(PAGE.format(code="x = 1  # " + "a long line " * 20), encoding="utf-8")
    command = [sys.executable, REPOSITORY / "notebooks" / "pdf.py", page, pdf]
    subprocess.run(command, check=True)
    written = pdf.read_bytes()
    assert written.startswith(b"%PDF") and len(re.findall(rb"/Type */Page\b", written)) == 3
