"""The browser's pure functions, by the tests beside this file; and that nothing lies unused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from app.live.assets import FOLDER

HERE = Path(__file__).parent
TESTS = [
    pytest.param(file.name, name, id=f"{file.name.removesuffix('.test.js')}: {name}")
    for file in sorted(HERE.glob("*.test.js"))
    for name in re.findall(r"^test\('(.+?)', ", file.read_text(), re.M)
]
MODULES = {path.stem: path.read_text() for path in FOLDER.glob("*.js")}
COMPONENT = re.compile(r"^export (?:const|function) mount\b", re.M)
EXPORT = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.M)
IMPORT = re.compile(r"import (?:\{([^}]*)\} from )?'\./(\w+)\.js'")


@pytest.mark.browser
@pytest.mark.parametrize(("file", "name"), TESTS)
def test_module(modules: Any, file: str, name: str) -> None:
    modules.evaluate(
        """async ([file, name]) => {
          const { run } = await import('/tests/harness.js')
          await import(`/tests/${file}`)
          await run(name)
        }""",
        [file, name],
    )


@pytest.mark.parametrize("module", MODULES)
def test_nothing_lies_unused(module: str) -> None:
    imports = [found for text in MODULES.values() for found in IMPORT.findall(text)]
    loaded = {"base", "speaker", *(name for _, name in imports)}  # two by pages of our own
    assert COMPONENT.search(MODULES[module]) or module in loaded
    names = {name.strip() for names, of in imports if of == module for name in names.split(",")}
    tested = "".join(p.read_text() for p in HERE.iterdir() if p.suffix in (".js", ".py"))
    exported = set(EXPORT.findall(MODULES[module])) - {"mount"} - names
    assert {name for name in exported if not re.search(rf"\b{name}\b", tested)} == set()
