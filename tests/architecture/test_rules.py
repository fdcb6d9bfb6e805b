"""The rules of docs/architecture.md, one test a rule, checked on the sources."""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from tests.architecture.sources import (
    ROOT,
    imports,
    modules,
    named_in_strings,
    tree,
)

MAX_LINES = 500  # a smell, not a wall: longer than this, one idea is rarely one
MAX_PAGE_LINES = 60
# Modules whose readers run code that a file brings along.
EXECUTING = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
TORCH = {"torch", "torchvision", "sklearn"}
PAGE_FOLDERS = {path.stem for path in (ROOT / "pages").glob("*.py")}
# What a user of the library alone meets, and what it may stand on.
LIBRARY = {
    "proxprop.layers",
    "proxprop.autograd",
    "proxprop.conversion",
    "proxprop.cost",
    "proxprop.diagnostics",
    "proxprop.groups",
    "proxprop.selection",
    "proxprop.trial",
    "proxprop.settings",
}


def within(module: str, *packages: str) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def offenders(condition) -> list[str]:
    """Return "importer:line imports module" for every import on which `condition` is true."""
    return [f"{i.importer}:{i.line} imports {i.module}" for i in imports() if condition(i)]


def run(script: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr


def test_the_sources_are_found() -> None:
    packages = defaultdict(int)
    for name in modules():
        packages[name.partition(".")[0]] += 1
    assert packages["proxprop"] > 50
    assert packages["app"] > 30
    assert len(imports()) > 1000


def test_the_core_knows_no_screen() -> None:
    assert not offenders(
        lambda i: within(i.importer, "proxprop") and within(i.module, "streamlit", "app", "pages")
    )


def test_the_drop_in_library_needs_nothing_of_the_product() -> None:
    allowed = ("proxprop.core", *LIBRARY)
    assert not offenders(
        lambda i: (
            within(i.importer, "proxprop.core", *LIBRARY)
            and within(i.module, "proxprop")
            and not within(i.module, *allowed)
        )
    )


def test_the_oracle_shares_nothing_with_what_it_checks() -> None:
    assert not offenders(
        lambda i: (
            within(i.importer, "proxprop.penalty")
            and within(i.module, "proxprop")
            and not within(i.module, "proxprop.penalty")
        )
    )


def test_one_module_imports_ray() -> None:
    assert {i.importer for i in imports() if within(i.module, "ray")} == {"proxprop.cluster.on_ray"}


def test_one_machine_needs_no_ray(tmp_path: Path) -> None:
    run(
        "import sys\n"
        "sys.modules['ray'] = None  # importing it fails\n"
        "import proxprop\n"
        "from proxprop.cli import app\n"
        "app(['train', '--steps', '2', '--json'])\n",
        PROXPROP_HOME=str(tmp_path),
    )


def test_runs_are_handed_their_loops() -> None:
    assert not offenders(
        lambda i: within(i.importer, "proxprop.runs") and within(i.module, "proxprop.engine")
    )


def test_spec_runs_and_the_server_load_no_torch(tmp_path: Path) -> None:
    names = sorted(
        name
        for name in modules()
        if within(name, "proxprop.spec", "proxprop.runs", "app")
        and not within(name, "app.server", "app.main")
        and not name.endswith("__main__")
    )
    assert len(names) > 50
    script = (
        "import importlib, os, sys, threading\n"
        f"heavy = set({sorted(TORCH)!r})\n"
        f"for name in {['proxprop', *names]!r}:\n"
        "    importlib.import_module(name)\n"
        "    loaded = heavy & sys.modules.keys()\n"
        "    assert not loaded, f'{name} loads {loaded}'\n"
        "assert not os.path.exists(os.environ['PROXPROP_HOME']), 'importing makes a folder'\n"
    )
    run(script, PROXPROP_HOME=str(tmp_path / "home"))


def test_importing_the_library_starts_nothing() -> None:
    run(
        "import threading, warnings\n"
        "warnings.simplefilter('error')\n"
        "import proxprop, proxprop.layers, proxprop.conversion\n"
        "assert threading.active_count() == 1, 'a thread was started'\n"
    )


def test_nothing_imports_in_a_circle() -> None:
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for found in (*imports(), *named_in_strings()):
        if found.module in graph and found.module != found.importer:
            graph[found.importer].add(found.module)
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_imports_stand_at_the_top_or_say_why_not() -> None:
    """A late import carries its reason in a comment: on its line, or right above it."""
    silent = []
    for found in imports():
        lines = modules()[found.importer].read_text().splitlines()
        if found.late and not any("#" in lines[n] for n in (found.line - 1, found.line - 2)):
            silent.append(f"{found.importer}:{found.line} imports {found.module}")
    assert not silent


def test_only_the_library_front_door_loads_lazily() -> None:
    lazy = [
        name
        for name, path in modules().items()
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__"
    ]
    assert lazy == ["proxprop"]


def test_pages_share_only_what_belongs_to_no_page() -> None:
    def page_of(module: str) -> str | None:
        package, _, rest = module.partition(".")
        page = rest.partition(".")[0]
        return page if package in ("app", "pages") and page in PAGE_FOLDERS else None

    assert len(PAGE_FOLDERS) >= 7
    assert not offenders(
        lambda i: (
            page_of(i.module)
            and page_of(i.importer) != page_of(i.module)
            and i.importer != "app.main"  # no page: it knows them all
        )
    )


def test_pages_hold_words_and_layout_only() -> None:
    for name, path in modules().items():
        if within(name, "pages"):
            assert len(path.read_text().splitlines()) <= MAX_PAGE_LINES, name
            kinds = {type(node) for node in ast.walk(tree(path))}
            assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try}, name


def test_nothing_is_unpickled() -> None:
    assert not offenders(lambda i: i.module.partition(".")[0] in EXECUTING)
    for path in modules().values():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                call = ast.unparse(node.func)
                options = {k.arg: ast.unparse(k.value) for k in node.keywords}
                if call == "torch.load":
                    assert options.get("weights_only") == "True", f"{path}: {ast.unparse(node)}"
                if call == "np.load":
                    assert options.get("allow_pickle") == "False", f"{path}: {ast.unparse(node)}"


def test_files_are_short_and_named_for_what_they_hold() -> None:
    paths = [p for folder in ("tests", "benchmarks") for p in (ROOT / folder).rglob("*.py")]
    for path in (*modules().values(), *paths):
        assert len(path.read_text().splitlines()) <= MAX_LINES, path
        assert path.stem not in ("util", "utils", "helpers", "misc", "common"), path


def test_every_package_says_what_belongs_in_it() -> None:
    for name, path in modules().items():
        if path.name == "__init__.py":
            assert len(ast.get_docstring(tree(path)) or "") > 40, name
