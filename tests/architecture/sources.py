"""The project's modules and who imports whom, read from the sources without importing them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("proxprop", "app", "pages")


@dataclass(frozen=True)
class Import:
    """One import of one module, wherever in the file.

    Attributes:
        importer: Dotted name of the importing module.
        module: Dotted name of what is imported; a module of ours where the name is one.
        line: Line of the statement.
        late: Whether it stands inside a function.
    """

    importer: str
    module: str
    line: int
    late: bool


def name_of(path: Path) -> str:
    """Return the dotted name of a file of ours."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, Path]:
    """Return every module of the product, by dotted name."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {name_of(path): path for path in paths}


@cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text())


@cache
def imports() -> tuple[Import, ...]:
    """Return every import in the product, those inside functions and type checks included."""
    return tuple(
        Import(name, target, node.lineno, late)
        for name, path in modules().items()
        for node, late in _statements(tree(path), late=False)
        for target in _targets(node, name, path)
    )


@cache
def named_in_strings() -> tuple[Import, ...]:
    """Return modules of ours that a string names, "module" or "module:attribute".

    What follows "-m" in a command line starts a process of its own and is no import.
    """
    found = []
    for name, path in modules().items():
        commands = {
            id(following)
            for node in ast.walk(tree(path))
            if isinstance(node, (ast.List, ast.Tuple))
            for item, following in zip(node.elts, node.elts[1:])
            if isinstance(item, ast.Constant) and item.value == "-m"
        }
        found += [
            Import(name, target, node.lineno, True)
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            if id(node) not in commands
            if re.fullmatch(r"[\w.]+(:\w+)?", node.value) and "." in node.value
            if (target := node.value.partition(":")[0]) in modules()
        ]
    return tuple(found)


def _statements(node: ast.AST, late: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, late
        inside = late or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield from _statements(child, inside)


def _targets(node: ast.Import | ast.ImportFrom, name: str, path: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        base = ".".join([*package[: len(package) - node.level + 1], *base.split(".")]).strip(".")
    inside = [f"{base}.{alias.name}" for alias in node.names]
    return sorted({full if full in modules() else base for full in inside})
