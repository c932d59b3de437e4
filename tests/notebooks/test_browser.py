"""JupyterLab as a learner sees it: started for real, each notebook run in Chromium on `smoke`.

Pictures of each notebook, when all has run, are kept in the folder that VQGEN_SCREENSHOTS names.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat import NotebookNode
from notebook_anatomy import code_cells, printed, tags
from playwright.sync_api import Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as NothingSeen

from vqgen_utils.machine import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
RUN_SECONDS = 180  # for all cells of one notebook

# JupyterLab's own settings: all cells in the page at once, and nothing fetched or asked
LAB_SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def lab(finished, tmp_path_factory):
    """The address of a JupyterLab that serves copies of the notebooks, set to profile smoke."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(finished / "data", folder / "home" / "data")
    for path in NOTEBOOKS:
        copy = folder / "notebooks" / path.name
        copy.parent.mkdir(exist_ok=True)
        parameters = {"profile": "smoke", "run_name": "browser"}
        papermill.execute_notebook(path, copy, parameters, prepare_only=True, progress_bar=False)
        clear_outputs(copy)
    for name, settings in LAB_SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "ServerApp.root_dir": folder / "notebooks",
        "IdentityProvider.token": token,
        "LabApp.user_settings_dir": folder / "settings",
        "LabApp.workspaces_dir": folder / "workspaces",
        "LabApp.extension_manager": "readonly",
        "LabApp.expose_app_in_browser": True,
    }
    own = {"VQGEN_HOME": "home", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime"}
    environment = {**os.environ, **{name: str(folder / place) for name, place in own.items()}}
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, folder / "lab.log")
            yield f"http://127.0.0.1:{port}/lab/workspaces/{{name}}/tree/{{name}}.ipynb?token={token}"
        finally:
            server.terminate()  # it ends its kernels
            server.wait(30)


def clear_outputs(path: Path) -> None:
    """So that what is seen later has been run in the browser."""
    notebook = nbformat.read(path, as_version=4)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)


def wait_for(address: str, server: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    """Return when the server answers."""
    end = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(30_000)
    yield page
    page.close()


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory) -> Path:
    folder = os.environ.get("VQGEN_SCREENSHOTS")
    path = Path(folder) if folder else tmp_path_factory.mktemp("screenshots")
    path.mkdir(parents=True, exist_ok=True)
    return path


FINISHED = """() => {
    const panel = jupyterapp.shell.currentWidget;
    const cells = panel.content.model.sharedModel.cells.filter(c => c.cell_type === "code");
    const outputs = cells.flatMap(c => c.getOutputs());
    const failed = outputs.some(o => o.output_type === "error");
    const idle = panel.sessionContext.session?.kernel?.status === "idle";
    return failed || (idle && cells.every(c => c.execution_count || !c.getSource()));
}"""
NOTEBOOK = "() => jupyterapp.shell.currentWidget.content.model.toJSON()"


def run_all(page: Page) -> NotebookNode:
    """Run all cells by the menu, as a learner does; the notebook with its outputs."""
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    end = time.monotonic() + RUN_SECONDS
    while not page.evaluate(FINISHED):
        assert time.monotonic() < end, f"not all cells have run in {RUN_SECONDS} seconds"
        page.wait_for_timeout(200)
    return nbformat.from_dict(page.evaluate(NOTEBOOK))


def move(control: Locator) -> bool:
    """One step by the keyboard; False for a list with a single entry."""
    control.focus()
    kind = control.evaluate("e => e.type || e.className")
    if kind == "checkbox":
        control.press("Space")
    elif kind == "select-one":
        chosen, count = control.evaluate("e => [e.selectedIndex, e.length]")
        control.press("Space")  # a closed list leaves the arrows to the notebook
        control.press("ArrowDown" if chosen + 1 < count else "ArrowUp")
        control.press("Enter")
        return count > 1
    elif kind == "select-multiple":
        control.select_option(index=0)
    else:
        now, end = (control.get_attribute(f"aria-value{name}") for name in ("now", "max"))
        control.press("ArrowLeft" if now == end else "ArrowRight")
    return True


def label(control: Locator) -> str:
    """What is written beside a control."""
    return control.evaluate("e => e.closest('.widget-inline-hbox').innerText")


PICTURE = ".widget-vbox img"  # of a widget
NARROWEST = 5  # pixels between two stops of a slider


def stops_are_apart(cell: Locator) -> None:
    """Of a slider with 32 stops or fewer, each can be hit with the mouse."""
    for slider in cell.locator(".noUi-target").all():
        lowest, highest = (
            float(slider.locator(".noUi-handle").get_attribute(f"aria-value{end}"))
            for end in ("min", "max")
        )
        stops = min(32, highest - lowest + 1)
        assert slider.bounding_box()["width"] >= NARROWEST * (stops - 1)


def check_painter(cell: Locator) -> None:
    """A click paints where it is made, in each of the slices; arrow keys and Enter do, too."""
    picture, strokes = cell.locator(PICTURE), cell.locator("input[type=number]")
    box, painted = picture.bounding_box(), int(strokes.input_value())
    for across, column in ((0.08, "left"), (0.4, "middle"), (0.75, "right")):
        before = picture.get_attribute("alt")
        picture.click(position={"x": across * box["width"], "y": 0.5 * box["height"]})
        painted += 1
        expect(strokes).to_have_value(str(painted))
        assert picture.get_attribute("alt") != before, column
    cell.get_by_role("application").press("ArrowRight")
    expect(picture).to_have_attribute("alt", re.compile("nothing painted there"))
    cell.get_by_role("application").press("Enter")
    expect(strokes).to_have_value(str(painted + 1))


def check_widget(cell: Locator) -> None:
    """Each control has a label, and one step of it changes the picture."""
    picture = cell.locator(PICTURE)
    controls = cell.locator(".noUi-handle, select, input[type=checkbox]")
    picture.wait_for()
    assert controls.count() > 0
    for control in controls.all():
        assert re.search("[a-z]", label(control))
        before = picture.get_attribute("src")
        if move(control):
            changed = cell.locator(f"{PICTURE}:not([src='{before}'])")
            try:
                changed.wait_for(timeout=10_000)
            except NothingSeen:
                pytest.fail(f"the picture did not change with '{label(control)}'")


def complaints(page: Page) -> list[str]:
    """A list that grows with every error in the page's console."""
    found: list[str] = []
    page.on("console", lambda said: found.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def take_pictures(page: Page, folder: Path, name: str) -> None:
    """Pictures of the notebook from its first cell to its last, 6,000 pixels each."""
    cells = page.locator(".jp-WindowedPanel-outer")
    whole = cells.evaluate("e => e.scrollHeight")
    page.set_viewport_size({"width": 1400, "height": 6000})
    while cells.evaluate("e => e.clientHeight") < 5000:  # until it is laid out anew
        page.wait_for_timeout(50)
    shown = cells.evaluate("e => e.clientHeight")
    for number, top in enumerate(range(0, whole, shown), start=1):
        cells.evaluate("(e, top) => { e.scrollTop = top }", top)
        cells.screenshot(path=folder / f"{name}_{number}.png")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_widgets_move(path, lab, page, screenshots):
    heard = complaints(page)
    page.goto(lab.format(name=path.stem))
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()

    notebook = run_all(page)
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert [output.evalue for output in outputs if output.output_type == "error"] == []
    for number, cell in enumerate(notebook.cells):
        if "widget" in tags(cell) and not printed(cell):  # a cell without a widget says why
            shown = page.locator(".jp-Notebook .jp-Cell").nth(number)
            check_widget(shown)
            stops_are_apart(shown)
            if "code_painter" in cell.source:
                check_painter(shown)
    take_pictures(page, screenshots, path.stem)
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    assert heard == []


def test_errors_in_the_console_are_heard(page):
    heard = complaints(page)
    page.set_content("<script>console.error('first'); throw Error('second')</script>")
    assert heard == ["first", "second"]
