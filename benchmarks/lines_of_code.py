"""How much code there is: lines without blanks, comments and docstrings, by package.

``python -m benchmarks.lines_of_code [REVISION ...]`` prints one column a revision (default: HEAD),
and the change from the first to the last. Product code only: ``proxprop``, ``app``, ``pages``.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import tarfile
import tokenize
from collections import Counter

PRODUCT = ("proxprop", "app", "pages")
_SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def python_lines(source: str) -> int:
    """Return the number of lines that hold code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def script_lines(source: str) -> int:
    """Return the number of lines of JavaScript that hold code."""
    without_blocks = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    lines = (line.strip() for line in without_blocks.splitlines())
    return sum(1 for line in lines if line and not line.startswith("//"))


def package_of(path: str) -> str:
    """Return the row of a file: its package, or "JavaScript"."""
    if path.endswith(".js"):
        return "JavaScript"
    folders = path.split("/")[:-1]
    return "/".join(folders[:2])


def count(revision: str) -> Counter[str]:
    """Return lines by package at a revision."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", revision], capture_output=True, check=True
    ).stdout
    counts: Counter[str] = Counter()
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            product = member.name.split("/")[0] in PRODUCT
            if product and member.isfile() and member.name.endswith((".py", ".js")):
                file = files.extractfile(member)
                assert file is not None
                counter = python_lines if member.name.endswith(".py") else script_lines
                counts[package_of(member.name)] += counter(file.read().decode())
    return counts


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revisions", nargs="*", default=["HEAD"])
    revisions = parser.parse_args().revisions
    columns = [count(revision) for revision in revisions]
    rows = sorted(set().union(*columns))
    print(f"| package | {' | '.join(revisions)} |")
    print("|---|" + "---:|" * len(columns))
    for row in rows:
        print(f"| {row} | {' | '.join(str(column[row] or '–') for column in columns)} |")
    totals = [column.total() for column in columns]
    print(f"| **all** | {' | '.join(map(str, totals))} |")
    if len(totals) > 1:
        print(f"\n{totals[-1] / totals[0] - 1:+.1%} from {revisions[0]} to {revisions[-1]}")


if __name__ == "__main__":
    main()
