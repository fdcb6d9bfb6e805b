"""Take the pictures, measure the pages, list what is found."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Error

from benchmarks.browsing import chromium
from benchmarks.drills.dashboard import Dashboard, running
from benchmarks.screens.looking import AT_REST, QUIET, findings
from benchmarks.screens.states import Screen, furnished, screens

SIZES = {"laptop": (1280, 720), "desktop": (1920, 1080), "phone": (390, 844)}
THEMES = ("light", "dark")
PATIENCE = 30_000  # milliseconds


def pictures(
    dashboard: Dashboard,
    shown: Sequence[Screen],
    out: Path,
    sizes: Sequence[str],
    themes: Sequence[str],
) -> Iterator[tuple[str, str, str, str]]:
    """Save a picture of each screen at each size and theme; yield (place, screen, kind, words)."""
    with chromium() as browser:
        for size in sizes:
            width, height = SIZES[size]
            for theme in themes:
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=theme,
                    bypass_csp=True,
                    reduced_motion="reduce",
                )
                place = f"{size}-{theme}"
                for screen in shown:
                    for kind, words in look(context, dashboard, screen, out / place):
                        yield place, screen.name, kind, words
                context.close()


def look(context: Any, dashboard: Dashboard, screen: Screen, folder: Path) -> list[tuple[str, str]]:
    """Save a picture of a screen; return what is found on it."""
    folder.mkdir(parents=True, exist_ok=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    found: list[tuple[str, str]] = []
    page.on(
        "console",
        lambda message: (
            message.type in ("error", "warning") and found.append(("console", message.text[:160]))
        ),
    )
    try:
        page.goto(f"{dashboard.url}/{screen.link}")
        page.wait_for_function(QUIET)
        for selector in screen.clicks:
            page.click(selector)
            page.wait_for_function(QUIET)
        page.evaluate(AT_REST)
    except Error as error:
        found.append(("not shown", str(error).splitlines()[0]))
    page.screenshot(path=folder / f"{screen.name}.png")
    found += findings(page)
    if screen.long:
        page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 1e5)")
        page.evaluate(AT_REST)
        page.screenshot(path=folder / f"{screen.name}-end.png")
    page.close()
    return sorted(set(found))


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--themes", nargs="+", choices=THEMES, default=list(THEMES))
    parser.add_argument("--states", nargs="+", choices=("empty", "full"), default=["empty", "full"])
    parser.add_argument("--only", default="", help="screens whose name has this in it")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for state in options.states:
            with (
                running(Path(folder) / state) as dashboard,
                furnished(dashboard, state == "full") as runs,
            ):
                shown = [screen for screen in screens(runs) if options.only in screen.name]
                for finding in pictures(
                    dashboard, shown, options.out, options.sizes, options.themes
                ):
                    print("\t".join(finding), flush=True)
                    lines.append("\t".join(finding))
    (options.out / "findings.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
