"""The rules of docs/architecture.md, checked on the sources."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 350
TORCH_FREE = (
    "proxprop",
    "proxprop.spec.config",
    "proxprop.spec.catalog",
    "proxprop.spec.catalog.data",
    "proxprop.spec.catalog.models",
    "proxprop.spec.catalog.optimizers",
    "proxprop.spec.events",
    "proxprop.paper",
    "proxprop.paths",
    "proxprop.data",
    "proxprop.data.preview",
    "proxprop.analysis.probe",
    "proxprop.engine.racing",
    "proxprop.analysis.slow_motion",
    "proxprop.engine.sweeping",
    "proxprop.runs.store",
    "proxprop.runs.service",
    "proxprop.cli",
)
# Modules whose readers run code that a file brings along.
EXECUTING = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Yield every imported module of a file, wherever in the file, with its statement."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node


def top(module: str) -> str:
    return module.partition(".")[0]


def id_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def run(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_there_are_sources() -> None:
    for folder in ("proxprop", "app", "pages", "tests"):
        assert len(sources(folder)) > 2, folder


@pytest.mark.parametrize("path", sources("proxprop"), ids=id_of)
def test_the_core_knows_no_screen(path: Path) -> None:
    assert not {"streamlit", "app", "pages"} & {top(module) for module, _ in imports(path)}


@pytest.mark.parametrize("path", sources("app", "pages"), ids=id_of)
def test_the_server_names_no_torch(path: Path) -> None:
    heavy = {"torch", "torchvision", "sklearn", "safetensors.torch"}
    found = {module for module, _ in imports(path)}
    assert not heavy & (found | {top(module) for module in found})


@pytest.mark.parametrize("module", TORCH_FREE)
def test_these_modules_load_without_torch(module: str) -> None:
    run(f"import sys, {module}; assert 'torch' not in sys.modules, '{module} loads torch'")


def test_nothing_the_server_imports_loads_torch() -> None:
    statements = sorted(
        {
            ast.unparse(statement)
            for path in sources("app", "pages")
            for module, statement in imports(path)
            if top(module) == "proxprop"
        }
    )
    assert statements
    checks = "\n".join(
        f"{statement}\nassert 'torch' not in sys.modules, {statement!r}" for statement in statements
    )
    run(f"import sys\n{checks}")


def test_importing_proxprop_has_no_side_effects(tmp_path: Path) -> None:
    run(
        "import os, threading, warnings\n"
        f"os.environ['PROXPROP_HOME'] = {str(tmp_path / 'home')!r}\n"
        f"import {', '.join(TORCH_FREE)}\n"
        "assert threading.active_count() == 1, 'a thread was started'\n"
        "assert not os.path.exists(os.environ['PROXPROP_HOME']), 'a folder was made'\n"
    )


@pytest.mark.parametrize("path", sources("proxprop", "app", "pages"), ids=id_of)
def test_nothing_is_unpickled(path: Path) -> None:
    assert not EXECUTING & {top(module) for module, _ in imports(path)}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value)
            options = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if (owner, node.func.attr) == ("torch", "load"):
                assert options.get("weights_only") == "True", ast.unparse(node)
            if (owner, node.func.attr) == ("np", "load"):
                assert options.get("allow_pickle") == "False", ast.unparse(node)


@pytest.mark.parametrize(
    "path", sources("proxprop", "app", "pages", "tests", "benchmarks"), ids=id_of
)
def test_files_are_short_and_named_for_what_they_hold(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES
    assert path.stem not in ("util", "utils", "helpers", "misc", "common")
