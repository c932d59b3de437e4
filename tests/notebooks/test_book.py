"""What `make book` builds: without a warning, figures with their captions, solutions apart."""

import nbformat
import pytest
from bs4 import BeautifulSoup
from commands import BIN, call
from notebook_anatomy import code_cells, figures

from vqgen_utils.machine import REPOSITORY

PAGES = sorted((REPOSITORY / "docs").glob("*.md"))
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb"))
OPTIONS = "--config notebooks/_config.yml --toc notebooks/_toc.yml"
STRICT = "--all --warningiserror --keep-going --quiet"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the website, built by the command of the Makefile."""
    folder = tmp_path_factory.mktemp("book")
    command = f"{BIN}/jupyter-book build . {OPTIONS} --path-output {folder} {STRICT}"
    done = call(folder, REPOSITORY, *command.split())
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html"


def read(page) -> BeautifulSoup:
    return BeautifulSoup(page.read_text("utf-8"), "html.parser")


def test_the_makefile_uses_the_tested_options():
    makefile = (REPOSITORY / "Makefile").read_text()
    assert OPTIONS in makefile and STRICT in makefile


def test_every_page_is_in_the_table_of_contents(site):
    contents = read(site / "README.html").find(class_="bd-links")
    addresses = {link["href"] for link in contents.find_all("a")}
    assert addresses == {
        "#",
        "data/README.html",
        *(f"docs/{path.stem}.html" for path in PAGES),
        "CONTRIBUTING.html",
        "CHANGELOG.html",
        "licences.html",
        "notebooks/model_card.html",
        *(f"notebooks/{path.stem}.html" for path in NOTEBOOKS),
        *(f"notebooks/solutions/{path.stem}.html" for path in NOTEBOOKS),
    }


@pytest.mark.parametrize("name", ["README", *(f"docs/{path.stem}" for path in PAGES)])
def test_links_and_pictures_of_a_page_are_there(name, site):
    page = site / f"{name}.html"
    text = read(page).find(class_="bd-article")
    addresses = [link["href"] for link in text.find_all("a")]
    addresses += [image["src"] for image in text.find_all("img")]
    for address in addresses:
        file, _, place = address.partition("#")
        if file.startswith(("https:", "http:")):
            continue
        target = page.parent / file if file else page
        assert target.is_file(), address
        assert not place or read(target).find(id=place), address


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_figures_keep_their_alt_text_and_stand_above_their_captions(path, site):
    cells = code_cells(nbformat.read(path, as_version=4))
    wanted = [alt for cell in cells for alt in figures(cell)]
    shown = read(site / "notebooks" / f"{path.stem}.html").select(".cell_output img")
    assert [image["alt"] for image in shown] == wanted
    for image in shown:
        assert not image["src"].startswith("http")
        below = image.find_parent(class_="cell").find_next_sibling()
        assert below.name == "p" and below.find(True).name == "em"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_exercises_lead_to_their_solutions(path, site):
    links = read(site / "notebooks" / f"{path.stem}.html").select("#exercises a")
    assert f"solutions/{path.stem}.html" in [link["href"] for link in links]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_pictures_and_formulas_need_no_network(path, site):
    page = site / "notebooks" / f"{path.stem}.html"
    soup = read(page)
    sources = [image["src"] for image in soup.find_all("img")]
    sources += [script.get("src", "") for script in soup.find_all("script", defer=True)]
    assert any("mathjax" in source for source in sources)
    for source in sources:
        file = page.parent / source.partition("?")[0]
        assert source.startswith("data:") or file.is_file(), source
