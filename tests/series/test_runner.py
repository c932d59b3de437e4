"""`vqgen run` on toy notebooks: what it runs, what it refuses, what it says when one fails."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from scan_files import picture, save, save_brains

from vqgen_utils.cli import main
from vqgen_utils.errors import InputError
from vqgen_utils.series import runner

COMMON = """
profile: str = "quick"
run_name: str = "tutorial"
data_source: str = "phantom"
data_dir: str = ""
"""


def write_notebook(folder: Path, name: str, parameters: str, *cells: str) -> None:
    """A notebook with a parameters cell followed by `cells`."""
    first = nbformat.v4.new_code_cell(parameters.strip(), metadata={"tags": ["parameters"]})
    rest = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=[first, *rest]), folder / name)


def printed(notebook: Path) -> str:
    """Everything an executed notebook printed."""
    cells = nbformat.read(str(notebook), as_version=4).cells
    return "".join(o.get("text", "") for c in cells for o in c.get("outputs", []))


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    """An empty folder of notebooks that `vqgen run` finds, with `runs/` beside it."""
    folder = tmp_path / "note books {1}"  # papermill takes braces in a path for a template
    folder.mkdir()
    monkeypatch.setattr(runner, "NOTEBOOKS", folder)
    monkeypatch.setenv("VQGEN_HOME", str(tmp_path))
    return folder


@pytest.fixture
def vqgen(capsys):
    """Run the command; gives its exit code, standard output and standard error."""

    def run(*words) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run


# ---- What runs -----------------------------------------------------------------------------------


def test_notebooks_run_in_order_with_their_parameters(notebooks, vqgen, tmp_path, monkeypatch):
    scans = tmp_path / "my scans"
    save(scans / "sub-01_T2w.nii.gz", picture(16, 16))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    show = "import os, sys; print([profile, run_name, data_source, data_dir, os.getcwd()])"
    write_notebook(
        notebooks, "02_second.ipynb", COMMON + "epochs: int | None = None", "print(epochs)"
    )
    write_notebook(notebooks, "01_first.ipynb", COMMON, show, "print(sys.executable)")
    write_notebook(notebooks, "10_last.ipynb", "decay: float = 0.9", "print(decay)")
    write_notebook(notebooks, "draft.ipynb", COMMON, "1 / 0")  # without a number: not of the series

    code, out, err = vqgen(
        *("run", "--profile", "smoke", "--run-name", "try-1", "--data-dir", "../my scans"),
        *("--set", "epochs=3", "--set", "decay=0.5"),
    )

    assert (code, err) == (0, "")
    assert re.findall(r"^(\d\d \w+) +ok +\d+ s$", out, re.M) == ["01 first", "02 second", "10 last"]
    assert "\r" not in out and "\x1b" not in out, "no terminal codes in a file"
    executed = tmp_path / "runs" / "try-1" / "notebooks"
    assert str(executed.parent) in out
    passed, python = printed(executed / "01_first.ipynb").splitlines()
    assert passed == str(["smoke", "try-1", "nifti", str(scans), str(notebooks)])
    assert python == sys.executable
    assert printed(executed / "02_second.ipynb") == "3\n"
    assert printed(executed / "10_last.ipynb") == "0.5\n"


def test_the_study_is_known_at_any_depth_and_patterns_reach_the_notebook(
    notebooks, vqgen, tmp_path
):
    parameters = COMMON + "include: str = ''\nexclude: str = ''\npatient_pattern: str = ''"
    write_notebook(
        notebooks, "01_first.ipynb", parameters, "print([data_source, include, patient_pattern])"
    )
    for place, source in (
        ("a/HipMRI/keras_slices_train/case_001_week_0_slice_0", "hipmri"),
        ("b/any/semantic_MRs/B006_Week0_LFOV", "hipmri"),
        ("c/any/sub-01_T2w", "nifti"),
    ):
        save(tmp_path / "scans" / f"{place}.nii.gz", picture(16, 16))
        folder = str(tmp_path / "scans" / place[0])
        options = ("--include", "*a*", "--include", "*b", "--patient-pattern", "(?=.)(.)")
        assert vqgen("run", "--run-name", place[0], "--data-dir", folder, *options)[0] == 0
        executed = tmp_path / "runs" / place[0] / "notebooks" / "01_first.ipynb"
        assert printed(executed) == f"{[source, '*a*,*b', '(?=.)(.)']}\n"


def test_the_courses_pictures_of_brains_are_not_taken_for_the_study(vqgen, tmp_path):
    save_brains(tmp_path / "brains", train=(1, 2), validate=(3,), test=(4,))
    code, out, _ = vqgen("data", "check", tmp_path / "brains", "--json")
    found = json.loads(out)
    assert code == 0 and found["layout"] == "png-course" and found["plane"] is None
    assert not found["errors"] and found["patients"] == 4


def test_from_and_only_choose_notebooks_and_metrics_keep_what_is_there(notebooks, vqgen, tmp_path):
    for number in (1, 2, 3):
        write_notebook(notebooks, f"0{number}_part.ipynb", COMMON, "print(1)")
    path = tmp_path / "runs" / "tutorial" / "metrics.json"
    path.parent.mkdir(parents=True)
    before = {"seconds": {"01_part": 40.0, "02_part": 50.0, "total": 90.0}, "profile": "smoke"}
    path.write_text(json.dumps({"vqvae": {"ssim": 0.9}, "series": before}))

    assert vqgen("run", "--profile", "smoke", "--from", "02")[0] == 0
    assert sorted(p.name for p in (path.parent / "notebooks").iterdir()) == [
        *("02_part.ipynb", "03_part.ipynb")
    ]
    metrics = json.loads(path.read_text())
    seconds = metrics["series"]["seconds"]
    assert metrics["vqvae"] == {"ssim": 0.9}
    assert seconds["01_part"] == 40.0 and seconds["02_part"] < 50.0 and seconds["03_part"] > 0
    assert seconds["total"] == pytest.approx(sum(list(seconds.values())[:3]), abs=0.1)
    assert metrics["series"].keys() == {"seconds", "device", "torch", "profile"}
    code, out, _ = vqgen("run", "--profile", "smoke")
    assert code == 0 and out.count("ok (done before)") == 0, "01 never ran"
    code, out, _ = vqgen("run", "--profile", "smoke")
    assert code == 0
    assert re.findall(r"^(\d\d) part +ok \(done before\)$", out, re.M) == ["01", "02", "03"]

    assert vqgen("run", "--only", "3")[0] == 0  # another profile: older times do not count
    assert json.loads(path.read_text())["series"]["seconds"].keys() == {"03_part", "total"}


def test_to_stops_after_a_notebook_and_the_rest_can_follow(notebooks, vqgen):
    for number in (1, 2, 3):
        write_notebook(notebooks, f"0{number}_part.ipynb", COMMON, "print(1)")
    code, out, _ = vqgen("run", "--to", "02")
    assert code == 0 and re.findall(r"^(\d\d) part", out, re.M) == ["01", "02"]
    code, out, _ = vqgen("run", "--to", "02")
    assert code == 0 and "vqgen run --to 02 --from 01" in out
    code, out, _ = vqgen("run")
    assert code == 0 and re.findall(r"^(\d\d) part +ok \(done", out, re.M) == ["01", "02"]


def test_the_kernel_is_this_python_whatever_kernelspecs_lie_about(
    notebooks, vqgen, tmp_path, monkeypatch
):
    spec = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    write_notebook(notebooks, "01_first.ipynb", COMMON, "print(1)")
    assert vqgen("run")[0] == 0


# ---- What is refused before anything runs --------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--set", "epoch=3"], "have no parameter 'epoch'; did you mean epochs"),
        (["--only", "1", "--set", "epochs=3"], "have no parameter 'epochs'"),
        (["--set", "epochs"], "write it as name=value"),
        (["--set", "epochs=many"], "must be a whole number"),
        (["--set", "epochs=2.5"], "must be a whole number"),
        (["--set", "epochs=-1"], "'epochs' is -1"),
        (["--set", "learning_rate=fast"], "must be a number"),
        (["--set", "show=maybe"], "must be true or false"),
        (["--set", "stem=round"], "'stem' is 'round': choose unshuffle or strided"),
        (["--set", "image_height=1024", "--set", "image_width=1024"], "give stride=8 or smaller"),
        (["--set", "run_name=x"], "use the option --run-name"),
        (["--profile", "fast"], "profile 'fast' does not exist: choose one of smoke, quick, full"),
        (["--data-source", "ct"], "'data_source' is 'ct'"),
        (["--data-source", "hipmri"], "needs --data-dir"),
        (["--patient-pattern", "("], "give a regular expression"),
        (["--data-dir", "nowhere"], "nowhere' is not a folder"),
        (["--data-dir", ""], "the word after '--data-dir' is empty"),
        (["--data-dir="], "nothing follows '--data-dir='"),
        (["--from", "07"], "--from 07: no such notebook; choose one of 01, 02"),
        (["--only", "3"], "--only 03: no such notebook"),
        (["--from", "1", "--only", "2"], "--only excludes --from and --to"),
        (["--to", "1", "--only", "2"], "--only excludes --from and --to"),
        (["--from", "2", "--to", "1"], "nothing in between"),
        (["--to", "3"], "--to 03: no such notebook"),
        (["--run-name", "../up"], "run name '../up'"),
        (["--run-name", ".."], "run name '..'"),
        (["--run-name", " "], "the word after '--run-name' is empty"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_sentence(notebooks, vqgen, tmp_path, words, sentence):
    more = "patient_pattern: str = ''\nepochs: int | None = None\n"
    more += "learning_rate: float = 0.1\nshow: bool = True\nstem: str = ''\nstride: int = 4\n"
    more += "image_height: int = 8\nimage_width: int = 8"
    write_notebook(notebooks, "01_first.ipynb", COMMON, "1 / 0")
    write_notebook(notebooks, "02_second.ipynb", COMMON + more, "1 / 0")
    code, out, err = vqgen("run", *words)
    assert (code, out) == (2, "")
    assert err.startswith("vqgen: ") and err.count("\n") == 1 and sentence in err
    assert not (tmp_path / "runs").exists(), "nothing may have run"


@pytest.mark.parametrize("words", [["run"], ["run", "--only", "2"], ["train", "vqvae"]])
def test_scans_of_which_none_can_be_held_out_are_refused_before_training(
    notebooks, vqgen, tmp_path, words
):
    save(tmp_path / "scans" / "sub-01_T2w.nii.gz", picture(32, 32, 4))
    write_notebook(notebooks, "01_data_exploration.ipynb", COMMON, "print(1)")
    write_notebook(notebooks, "02_vqvae_training.ipynb", COMMON, "1 / 0")
    where = ("--profile", "smoke", "--data-dir", tmp_path / "scans")
    code, out, err = vqgen(*words, *where)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "scans: 4 slices of one patient are too few to hold any out" in err
    if words == ["run"]:
        assert not (tmp_path / "runs").exists(), "nothing may have run"
        assert vqgen("run", *where, "--to", "1")[0] == 0, "a folder may be looked at all the same"
        assert vqgen("run", "--profile", "smoke")[0] == 1, "the phantom is fit to train on"


@pytest.mark.parametrize("to", ["1", "2"])
def test_a_folder_in_which_nothing_can_be_used_is_refused_before_it_is_explored(
    notebooks, vqgen, tmp_path, to
):
    save(tmp_path / "scans" / "sub-01_dseg.nii.gz", np.ones((32, 32, 4), np.uint8))
    write_notebook(notebooks, "01_data_exploration.ipynb", COMMON, "1 / 0")
    write_notebook(notebooks, "02_vqvae_training.ipynb", COMMON, "1 / 0")
    code, out, err = vqgen("run", "--data-dir", tmp_path / "scans", "--to", to)
    assert (code, out, err.count("\n")) == (2, "", 1) and "holds only label maps" in err
    assert not (tmp_path / "runs").exists()


def test_a_folder_without_notebooks_and_a_damaged_notebook_are_named(notebooks):
    with pytest.raises(InputError, match="holds no notebooks"):
        runner.run_series(folder=notebooks)
    (notebooks / "01_first.ipynb").write_text("<<<<<<< HEAD")
    with pytest.raises(InputError, match=r"01_first\.ipynb' cannot be read"):
        runner.run_series(folder=notebooks)


# ---- What happens when a notebook fails ----------------------------------------------------------


def test_a_failure_names_notebook_cell_and_error_and_how_to_go_on(notebooks, vqgen, tmp_path):
    write_notebook(notebooks, "01_first.ipynb", COMMON, "print(1)")
    write_notebook(
        notebooks, "02_second.ipynb", COMMON, "print('so far')", "raise ValueError('too\\nlong')"
    )
    write_notebook(notebooks, "03_third.ipynb", COMMON + "epochs: int = 1", "print(3)")
    code, out, err = vqgen("run", "--run-name", "a", "--set", "epochs=2")
    partial = tmp_path / "runs" / "a" / "notebooks" / "02_second.ipynb"
    assert code == 1
    assert "02 second" in out and "FAILED" in out and "03 third" not in out
    # cell 1 holds the parameters, cell 2 what papermill puts in their place
    assert err.splitlines()[0] == "02_second.ipynb, cell [4]: ValueError: too"
    assert "vqgen run --run-name a --set epochs=2 --from 02" in err
    assert str(partial) in err and "Traceback" not in err and len(err.splitlines()) <= 4
    assert "so far" in printed(partial)
    seconds = json.loads((partial.parent.parent / "metrics.json").read_text())["series"]["seconds"]
    assert seconds.keys() == {"01_first", "total"}


@pytest.mark.parametrize("dies", [False, True])
def test_what_the_kernel_s_process_says_is_shown_only_if_it_dies(dies, notebooks, capfd):
    say = "import os; os.write(2, b'Traceback of a thread'); None"
    write_notebook(notebooks, "01_first.ipynb", COMMON, say, f"{dies} and os.kill(os.getpid(), 9)")
    with pytest.raises(SystemExit) as stop:
        main(["run"])
    assert stop.value.code == int(dies)
    assert ("Traceback of a thread" in "".join(capfd.readouterr())) == dies


def test_of_an_input_error_only_its_sentence_is_shown(notebooks, vqgen):
    cell = "from vqgen_utils.errors import InputError\nraise InputError('weights are missing.')"
    write_notebook(notebooks, "01_first.ipynb", COMMON, cell)
    code, _, err = vqgen("run")
    assert code == 1 and err.splitlines()[0] == "01_first.ipynb, cell [3]: weights are missing."


def test_a_kernel_that_dies_is_reported(notebooks, vqgen, tmp_path):
    write_notebook(notebooks, "01_first.ipynb", COMMON, "print('so far')", "import os; os._exit(9)")
    code, _, err = vqgen("run")
    assert code == 1 and "01_first.ipynb, cell [4]: the kernel died" in err
    assert "so far" in printed(tmp_path / "runs" / "tutorial" / "notebooks" / "01_first.ipynb")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks Linux for a file's name")
def test_a_full_disk_is_a_sentence_and_the_executed_notebook_of_before_is_kept(
    notebooks, vqgen, tmp_path, monkeypatch
):
    write_notebook(notebooks, "01_first.ipynb", COMMON, "print('first')")
    assert vqgen("run", "--run-name", "a")[0] == 0
    executed = tmp_path / "runs" / "a" / "notebooks" / "01_first.ipynb"
    before = {path: path.read_bytes() for path in executed.parents[1].rglob("*.*")}
    sync = os.fsync

    def full(file):
        if ".ipynb" in os.readlink(f"/proc/self/fd/{file}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(file)

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = vqgen("run", "--run-name", "a", "--from", "1")
    assert code == 1 and "no space left to write" in err and "Traceback" not in err
    after = {path: path.read_bytes() for path in executed.parents[1].rglob("*.*")}
    assert after.keys() == before.keys() and after[executed] == before[executed]

    monkeypatch.setattr(os, "fsync", sync)
    assert vqgen("run", "--run-name", "a")[0] == 0


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_console_that_cannot_write_a_name_still_gets_the_rest(encoding, tmp_path):
    folder = tmp_path / "ασθενής"
    save(folder / "κεφάλι.nii", picture(16, 16, 16))
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for words in (["data", "check", str(folder)], ["--help"], ["data", "check", "--help"]):
        done = subprocess.run(
            [sys.executable, "-m", "vqgen_utils", *words], env=environment, capture_output=True
        )
        said = (done.stdout + done.stderr).decode(encoding)
        assert "Traceback" not in said and said.strip(), said


def test_ctrl_c_keeps_the_partial_notebook(notebooks, tmp_path):
    slow = f"open({str(tmp_path / 'here')!r}, 'w').close(); import time; time.sleep(60)"
    write_notebook(notebooks, "01_first.ipynb", COMMON, "print('so far')", slow)
    script = (
        "import pathlib, signal; from vqgen_utils import cli;"
        "from vqgen_utils.series import runner;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"  # CI may start us without it
        f"runner.NOTEBOOKS = pathlib.Path({str(notebooks)!r}); cli.main(['run'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.time() + 30
    while not (tmp_path / "here").exists() and time.time() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.startswith("stopped") and err.count("\n") == 1
    assert "so far" in printed(tmp_path / "runs" / "tutorial" / "notebooks" / "01_first.ipynb")


def test_ctrl_c_while_the_scans_are_read_is_one_sentence(notebooks, vqgen, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vqgen_utils.data.slices.load_slices", interrupted)
    write_notebook(notebooks, "02_vqvae_training.ipynb", COMMON, "1 / 0")
    code, out, err = vqgen("run")
    assert (code, out, err) == (130, "", "stopped while the scans were read; nothing has run.\n")
    assert not (tmp_path / "runs").exists()


# ---- The command ---------------------------------------------------------------------------------


def test_help_answers_without_loading_torch():
    script = (
        "import sys, vqgen_utils.cli as c\ntry: c.main(['--help'])\nfinally: print(*sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert "run" in out and "data" in out
    assert not {"torch", "papermill", "pandas"} & set(out.split())


def test_every_command_has_help_and_the_version_is_told(vqgen):
    for words in (
        *(["run"], ["sample"], ["train"], ["train", "vqvae"], ["train", "prior"]),
        *(["data"], ["data", "phantom"], ["data", "check"], ["data", "pack"]),
    ):
        code, out, _ = vqgen(*words, "--help")
        assert code == 0 and "Usage" in out
    assert re.fullmatch(r"vqgen \d+\.\d+\.\d+\n", vqgen("--version")[1])


def test_a_phantom_is_written_checked_and_packed(vqgen, tmp_path):
    study = tmp_path / "my study"
    numbers = ("--profile", "smoke", "--patients-train", 2, "--slice-step", 20)
    assert vqgen("data", "phantom", study, *numbers)[0] == 0
    code, out, _ = vqgen("data", "check", study)
    assert code == 0 and "001" in out and out.endswith("0 errors\n")
    code, out, _ = vqgen("data", "pack", study, "--profile", "smoke", "--set", "other_shapes=crop")
    assert code == 0 and re.search(r"^train +6 slices of 2 patients$", out, re.M)
    next((study / "keras_slices_test").iterdir()).write_bytes(b"")
    code, out, _ = vqgen("data", "check", study)
    assert code == 1 and out.endswith("1 errors\n")


def test_a_wrong_data_request_and_a_full_disk_are_one_sentence(vqgen, tmp_path, monkeypatch):
    for words, sentence in (
        (["check", tmp_path / "none"], "is not a folder"),
        (["check", ""], "the word after 'check' is empty"),
        (["pack", tmp_path, "--set", " "], "the word after '--set' is empty"),
        (["phantom", ""], "the word after 'phantom' is empty"),
        (["pack", tmp_path, "--set", "slice_axi=1"], "did you mean slice_axis"),
        (["phantom", tmp_path / "new", "--weeks", 0], "'weeks' is 0"),
    ):
        code, out, err = vqgen("data", *words)
        assert (code, out, err.count("\n")) == (2, "", 1) and sentence in err

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "a.nii.gz")

    monkeypatch.setattr("vqgen_utils.data.phantom.write_phantom", full)
    code, _, err = vqgen("data", "phantom", tmp_path / "new")
    assert (code, err) == (2, "vqgen: cannot write a.nii.gz: No space left on device.\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (112, "1 min 52 s"), (11100, "3 h 05 min")],
)
def test_durations_read_well(seconds, text):
    assert runner.duration(seconds) == text
