"""The wheel: what it holds, what the library alone needs, and the dashboard it serves anywhere."""

from __future__ import annotations

import ast
import os
import re
import socket
import subprocess
import sys
import tarfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from tests.runs.waiting import until

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = (
    *("soap", "curvature", "ray", "tensorboard", "wandb", "trackio", "lightning"),
    "transformers",
)
# Where a module's files lie in the wheel.
PLACES = {
    "proxprop": "proxprop",
    "app": "proxprop/_dashboard/app",
    "pages": "proxprop/_dashboard/pages",
    ".streamlit": "proxprop/_dashboard/.streamlit",
}


def named(requirements: list[str]) -> set[str]:
    """Return the names of the distributions required."""
    return {re.split(r"[^\w.-]", need)[0].lower() for need in requirements} - {"proxprop"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel in it, beside nothing else."""
    folder = tmp_path_factory.mktemp("site-packages")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-compile", "--target", str(folder), str(wheel)], check=True)
    return folder


def environment(installed: Path, home: Path) -> dict[str, str]:
    """Return an environment in which the wheel hides this checkout."""
    return {**os.environ, "PYTHONPATH": str(installed), "PROXPROP_HOME": str(home)}


def test_the_wheel_holds_the_dashboard_and_claims_one_name(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"proxprop", f"proxprop-{PROJECT['version']}.dist-info"}
    for folder, place in PLACES.items():
        files = [p for p in (ROOT / folder).rglob("*") if p.is_file() and p.suffix != ".pyc"]
        assert files, folder
        missing = {f"{place}/{p.relative_to(ROOT / folder).as_posix()}" for p in files} - names
        assert not missing


def test_the_source_archive_holds_what_make_needs(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    folders = (*PLACES, "tests", "benchmarks", "docs", "notebooks", ".ci")
    files = {p for folder in folders for p in (ROOT / folder).rglob("*") if p.is_file()}
    single = ("Makefile", "Dockerfile", ".dockerignore", ".oxlintrc.json", "compose.yaml")
    files |= {ROOT / name for name in (*single, "mkdocs.yml", "requirements.lock", "LICENSE")}
    made = (".pyc", ".egg-info", ".DS_Store")
    assert not {p.relative_to(ROOT).as_posix() for p in files if p.suffix not in made} - names


def test_the_library_alone_needs_torch_and_numpy(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (described,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
    needs = Parser().parsestr(archive.read(described).decode()).get_all("Requires-Dist") or []
    assert named([need for need in needs if "extra ==" not in need]) == {"torch", "numpy"}


def without(absent: set[str], script: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `script` where the distributions `absent` cannot be imported."""
    modules = {module for module, owners in packages_distributions().items() if absent & {*owners}}
    block = f"import sys; sys.modules.update(dict.fromkeys({sorted(modules)!r}))\n"
    return subprocess.run(
        [sys.executable, "-c", block + script],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def extras(*names: str) -> set[str]:
    optional = PROJECT["optional-dependencies"]
    wanted = set().union(*(named(optional[name]) for name in names))
    owners = {owner for owners in packages_distributions().values() for owner in owners}
    return {owner for owner in owners if owner.lower().replace("_", "-") in wanted}


def test_the_library_works_without_its_extras(tmp_path: Path) -> None:
    absent = extras("cli", "app")
    assert {"pydantic", "pandas", "streamlit", "typer"} <= absent
    script = """
import torch, proxprop, proxprop.cost, proxprop.penalty
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
proxprop.convert(model, tau=0.05)
groups = proxprop.param_groups(model, lr=1.0, explicit_lr=0.05)
optimizer = torch.optim.SGD(groups, lr=1.0)
model(torch.ones(3, 4)).square().mean().backward()
optimizer.step()
sys.argv = ["proxprop", "--version"]
from proxprop.__main__ import main
main()
"""
    done = without(absent, script, tmp_path)
    assert done.returncode == 1
    assert re.fullmatch(
        r"The command line needs \w+: pip install 'proxprop\[cli\]', "
        r"or 'proxprop\[app\]' for the dashboard too\n",
        done.stderr,
    ), done.stderr


def test_the_command_line_works_without_the_dashboard(tmp_path: Path) -> None:
    script = """
from proxprop.cli import app
import proxprop.data.read, proxprop.runs.service
app(["serve", "--no-browser"])
"""
    absent = extras("app") - extras("cli")
    assert {"streamlit", "plotly", "torchvision"} <= absent
    done = without(absent, script, tmp_path)
    assert done.returncode == 1
    assert done.stderr == "The dashboard is not installed: pip install 'proxprop[app]'\n"


@pytest.mark.parametrize(
    ("folders", "extra"), [(["proxprop"], ["cli"]), (["app", "pages"], ["app", "cli"])]
)
def test_what_is_imported_is_declared(folders: list[str], extra: list[str]) -> None:
    declared = named(PROJECT["dependencies"]).union(
        *(named(PROJECT["optional-dependencies"][name]) for name in [*extra, *OPTIONAL])
    )
    # An extra need not be installed here.
    absent = {"curvlinops": ["curvlinops-for-pytorch"], "lightning": ["pytorch-lightning"]}
    owners = absent | {"pytorch_lightning": ["pytorch-lightning"]} | packages_distributions()
    ours = {"proxprop", "app", "pages"} | set(sys.stdlib_module_names)
    for path in (file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                imported = [node.module or ""]
            for top in {name.partition(".")[0] for name in imported} - ours:
                known = {owner.lower().replace("_", "-") for owner in owners.get(top, [top])}
                # pydantic's compiled half comes with it, pinned.
                assert known & declared or top == "pydantic_core", f"{path} imports {top}"


@pytest.fixture(scope="module")
def served(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Serve from the wheel in a folder with somebody else's `app`; yield its address and folder."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for stranger in ("app", "pages"):
        (folder / stranger).mkdir()
    (folder / "app" / "__init__.py").touch()
    (folder / "app" / "server.py").write_text("open('ran', 'w')\nraise SystemExit('a stranger')\n")
    home = tmp_path_factory.mktemp("home")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [installed / "bin" / "proxprop", "serve", "--no-browser", "--port", port],
            cwd=folder,
            env=environment(installed, home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"

    def healthy() -> bool:
        assert process.poll() is None, (home / "log").read_text()
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
                return answer.read() == b"ok"
        except OSError:
            return False

    try:
        until(healthy, "the wheel's dashboard is healthy")
        yield url, folder
    finally:
        process.terminate()
        process.wait(30)
    assert "Traceback" not in (home / "log").read_text()


def test_the_wheel_serves_anywhere_and_runs_no_stranger(served: tuple[str, Path]) -> None:
    url, folder = served
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.status == 200
        assert "Content-Security-Policy" in answer.headers  # set by our checks around Streamlit
    assert not (folder / "ran").exists()


@pytest.mark.browser
def test_the_wheels_home_page_is_delivered(served: tuple[str, Path], browser: Any) -> None:
    url, folder = served
    page = browser.new_page()
    try:
        page.goto(url)
        heading = page.get_by_role("heading", name="Implicit against explicit gradient steps")
        heading.wait_for(timeout=60_000)
        page.locator("svg.race .race-name").first.wait_for(timeout=60_000)  # recorded data
    finally:
        page.close()
    assert {path.name for path in folder.iterdir()} == {"app", "pages"}
