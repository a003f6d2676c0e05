"""The library alone, installed from its wheel without a checkout; and where little may be written."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from toy_experiments import checkout

ROOT = Path(__file__).parents[1]
PATIENCE = 1200  # seconds for one command, on a machine that is twenty times slower
NO_CHECKOUT = "no quire checkout at .*: chapters, claims, profiles and downloads need one; set QUIRE_ROOT"

SCRIPT = """
import json, sys
import torch
import quire
from quire.cite import citation, sources
from quire.claims import ledger
from quire.data import load
from quire.files import folder, project_root
from quire.hierarchy import RandomHierarchy, sample
from quire.kernels import ReluNTK
from quire.record import current
from quire.sweep import grid, sweep
from quire.tools.profiles import parameters
from alone_experiments import square

found = {"quire": quire.__file__}
for name, options in {"digits": {}, "photos": {}, "glyphs": {"num_samples": 3}}.items():
    found[name] = load(name, **options).inputs.shape
grammar = RandomHierarchy(vocab=4, num_rules=2, branching=2, depth=2, num_classes=4)
found["sentences"] = tuple(sample(grammar, 5, seed=0, replacement=True).tokens.shape)
found["kernel"] = ReluNTK()(torch.ones(1, dtype=torch.float64)).item()
found["sources"] = sources(ReluNTK)
found["rows"] = sweep(square, grid(x=[1, 2, 3]))["square"].tolist()
found["from"] = [cell.source for cells in current().sweeps().values() for cell in cells]
found["folders"] = {kind: str(folder(kind)) for kind in ("build", "store", "published")}
found["errors"] = {}
for name, call in {
    "citation": lambda: citation(ReluNTK),
    "claims": ledger,
    "profiles": lambda: parameters("locality"),
    "download": lambda: load("mnist"),
    "root": project_root,
}.items():
    try:
        call()
    except FileNotFoundError as error:
        found["errors"][name] = str(error)
print(json.dumps(found))
"""
EXPERIMENT = "def square(*, x: int) -> dict:\n    return {'square': x * x}\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the unpacked wheel, as ``pip install`` leaves it, far from any checkout."""
    base = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__", "build", "*.egg-info", ".ruff_cache")
    shutil.copytree(ROOT / "lib", base / "lib", ignore=ignored)  # building leaves files beside the source
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*build, "--wheel-dir", base, base / "lib"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,) = base.glob("*.whl")
    place = base / "site-packages"
    zipfile.ZipFile(wheel).extractall(place)
    return place


def run(place: Path, *command: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess:
    """Python with that library, in a folder that is no checkout and holds an experiment."""
    (cwd / "alone_experiments.py").write_text(EXPERIMENT)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("QUIRE_", "XDG_", "MPLCONFIG"))}
    env |= {"PYTHONPATH": str(place), "HOME": str(cwd), "OMP_NUM_THREADS": "1", "COLUMNS": "200", **settings}
    return subprocess.run(
        [sys.executable, *command], env=env, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_the_wheel_holds_the_library_and_nothing_else(installed):
    names = {path.name for path in installed.iterdir()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"quire"}
    source = {path.relative_to(ROOT / "lib") for path in (ROOT / "lib" / "quire").rglob("*.py")}
    assert {path.relative_to(installed) for path in (installed / "quire").rglob("*.py")} == source


def test_without_a_checkout_it_computes_and_says_what_needs_one(installed, tmp_path):
    done = run(installed, "-W", "error", "-c", SCRIPT, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert Path(found["quire"]) == installed / "quire" / "__init__.py"
    assert (found["digits"], found["photos"], found["glyphs"]) == ([1797, 8, 8], [2, 427, 640, 3], [3, 28, 28])
    assert found["sentences"] == [5, 4] and found["kernel"] == pytest.approx(2)
    assert found["sources"] == [["jacot2018ntk", "one hidden layer"]]
    assert found["rows"] == [1, 4, 9] and found["from"] == ["computed"] * 3
    errors = found["errors"]
    assert set(errors) == {"citation", "claims", "profiles", "download", "root"}
    for name in ("claims", "profiles", "download", "root"):
        assert NO_CHECKOUT.partition(".*")[0] in errors[name] and NO_CHECKOUT.partition(".*")[2] in errors[name]
    assert "no bibliography at" in errors["citation"] and "jacot2018ntk" in errors["citation"]


def test_without_a_checkout_the_store_lies_in_the_users_cache(installed, tmp_path):
    for source in ("computed", "store"):
        done = run(installed, "-c", SCRIPT, cwd=tmp_path, QUIRE_CACHE=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr[-3000:]
        found = json.loads(done.stdout)
        assert found["from"] == [source] * 3
    build = tmp_path / "cache" / "build"
    assert found["folders"]["build"] == str(build) and found["folders"]["store"] == str(build / "store")
    assert len(list((build / "store").glob("alone_experiments.square/*.json"))) == 3
    assert len(list((build / "interactive").iterdir())) == 2 and not Path(found["folders"]["published"]).exists()


def test_with_a_checkout_named_it_cites_and_reads_the_claims(installed, tmp_path):
    done = run(
        installed, "-c", SCRIPT, cwd=tmp_path, QUIRE_ROOT=str(ROOT), QUIRE_BUILD=str(tmp_path), QUIRE_DATA=str(tmp_path / "none")
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert set(json.loads(done.stdout)["errors"]) == {"download"}  # of a folder QUIRE_DATA that is not there


@pytest.mark.parametrize("command", [["claims"], ["run", "locality"]])
def test_a_command_that_needs_a_checkout_says_so(installed, tmp_path, command):
    done = run(installed, "-m", "quire", *command, cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "quire: no quire checkout at" in done.stderr and "set QUIRE_ROOT" in done.stderr


def test_without_the_extras_of_the_book_the_command_says_what_to_install(installed, tmp_path):
    code = "import sys, runpy; sys.modules['typer'] = None; runpy.run_module('quire', run_name='__main__')"
    done = run(installed, "-c", code, cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (
        "quire: the command line needs typer, which is not installed" in done.stderr
        and 'pip install "./lib[book]"' in done.stderr
    )


# ------------------------------------------------------------------- where little may be written

CHAPTER = """import numpy, torch
from quire.data import load
from quire.kernels.rectified import _accumulate_profile
from quire.sweep import grid, sweep
from toy_experiments import curve
total = numpy.zeros((1, 1))
_accumulate_profile(total, numpy.ones((1, 1)), numpy.ones(1))
print(load("glyphs", num_samples=2).inputs.shape, total[0, 0], len(sweep(curve, grid(samples=[1, 2], seed=0))))"""


# Let the permissions of files hold for a command, also where it belongs to the superuser (Linux), then become it.
OBEY = """import ctypes, os, sys
if os.geteuid() == 0:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
            raise OSError(ctypes.get_errno(), "the capability cannot be dropped")
os.execv(sys.argv[1], sys.argv[1:])"""


def set_writable(folder: Path, writable: bool) -> None:
    """Whether anything in a folder may be changed."""
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | 0o200 if writable else mode & ~0o222)


@pytest.fixture
def read_only(installed, tmp_path):
    """A checkout with the library in it, and a home folder; nothing in them can be written to."""
    if sys.platform != "linux" and os.geteuid() == 0:
        pytest.skip("permissions do not hold for the superuser")
    root, home = checkout(tmp_path / "tree", reads=CHAPTER), tmp_path / "home"
    shutil.copytree(installed / "quire", root / "lib" / "quire", ignore=shutil.ignore_patterns("__pycache__"))
    home.mkdir()
    for place in (root, home):
        set_writable(place, False)
    yield root, home
    for place in (root, home):
        set_writable(place, True)


def command_in(root: Path, home: Path, *command: str, **settings: str) -> subprocess.CompletedProcess:
    """A command of the library in that checkout."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("QUIRE_", "XDG_", "MPLCONFIG"))}
    env |= {"PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(root / "lib")]), "QUIRE_ROOT": str(root)}
    env |= {"HOME": str(home), "OMP_NUM_THREADS": "1", "COLUMNS": "200", **settings}
    return subprocess.run(
        [sys.executable, "-B", "-c", OBEY, sys.executable, "-m", "quire", *command],
        env=env,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_tree_and_a_home_that_cannot_be_written_to_need_one_setting(read_only, tmp_path):
    root, home = read_only
    refused = command_in(root, home, "run", "reads")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert (
        f"{root / 'build'}" in refused.stderr and "set QUIRE_BUILD to a folder that can be written to" in refused.stderr
    )
    done = command_in(root, home, "run", "reads", "toy", QUIRE_BUILD=str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "out" / "smoke" / "reads" / "reads.ipynb").read_text()
    assert "(2, 28, 28) 2.0 2" in text
    assert (tmp_path / "out" / "smoke" / "toy" / "claims.json").exists()
    assert len(list((tmp_path / "out" / "store" / "toy_experiments.curve").iterdir())) == 6
    assert list(home.iterdir()) == [] and not (root / "build").exists() and not list(root.rglob("__pycache__"))
    claims = command_in(root, home, "claims", "--run", "smoke", QUIRE_BUILD=str(tmp_path / "out"))
    assert claims.returncode == 0 and "toy.slope" in claims.stdout, claims.stderr


def test_a_home_that_does_not_exist_is_no_reason_to_stop(read_only, tmp_path):
    root, _ = read_only
    done = command_in(root, Path("/proc/none"), "run", "reads", QUIRE_BUILD=str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "smoke" / "reads" / "provenance.json").exists()
