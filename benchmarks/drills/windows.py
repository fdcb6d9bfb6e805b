"""Windows on one run, driven at random: `python -m benchmarks.drills.windows [--seconds 600]`.

Three windows of a dashboard of their own show one run that has no end. In each of them, at random,
dials are typed into and turned by keys, the direction is switched, bad values are typed, the run is
paused, moved on by a batch, let go; windows are reloaded, led elsewhere and back, and opened anew
by links that have grown stale. In the end the run's marks must be the settings that were really
changed, in their order and nothing else, and every window must show what is in force.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.browsing import chromium
from benchmarks.drills.dashboard import running
from proxprop.runs.replay import marks_of, settings_in_force
from proxprop.runs.store import Store
from proxprop.spec.config.query import flatten

# No step size that is tried makes plain SGD diverge: the run must not end by itself.
LINK = (
    "budget.endless=true&pace=20&instruments.tier=off&evaluation.every=100"
    "&optimizer.name=sgd&optimizer.lr=0.05"
)
DIALS = ("optimizer.lr", "direction.tau", "optimizer.explicit_lr", "direction.cg_steps")
SOLVERS = ("explicit", "exact", "cg")  # as their buttons stand
BUTTONS = ("pause", "go", "step")
# What a window is told to show and reports back as what it showed before, within two seconds,
# is taken for an echo: a person who sees another's choice takes longer to undo it.
SEEN = 4.0
ANSWER = 30.0  # seconds within which a change must be marked and every window must say so
SEGMENTS = ".st-key-choice-direction-solver [role=radio]"
# Index of the direction that is highlighted; −1 for none.
CHOSEN = f"""() => [...document.querySelectorAll('{SEGMENTS}')]
  .findIndex(({{ ariaChecked }}) => ariaChecked === 'true')"""
# What the dials that are there show, all of one moment.
TEXTS = """fields => Object.fromEntries(Object.entries(fields)
  .map(([name, field]) => [name, document.querySelector(field)])
  .filter(([, field]) => field && !field.disabled)
  .map(([name, { value }]) => [name, value]))"""
LIVE = ".st-key-pause button, .st-key-go button"
QUIET = 700  # milliseconds without a rerun after which a page has answered
RESTS = f"""() => {{
  const idle = document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'
  const place = idle && location.href
  if (!idle || window.restsAt !== place) window.restsSince = performance.now()
  window.restsAt = place
  return idle && performance.now() - window.restsSince > {QUIET}
}}"""


def until(condition: Callable[[], bool], what: str, seconds: float = ANSWER) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


class Drill:
    """The windows, and what a person has changed in them so far.

    Args:
        url: Address of the dashboard.
        store: Its store.
        pages: One a window.
        seed: Of what happens.
    """

    def __init__(self, url: str, store: Store, pages: list[Any], seed: int) -> None:
        self.url, self.store, self.pages = url, store, pages
        self.random = random.Random(seed)
        self.changed: list[dict[str, Any]] = []
        self.done: Counter[str] = Counter()
        self.switched_at = -SEEN
        pages[0].goto(f"{url}/train?{LINK}")
        pages[0].click(".st-key-start button")
        pages[0].wait_for_url("**run=*")
        self.run = pages[0].url.split("run=")[1].split("&")[0]
        self.links = [f"{url}/train?run={self.run}"]
        for page in pages[1:]:
            page.goto(self.links[0])

    def act(self) -> None:
        """Do one thing in one window, and see that it had its effect and no other."""
        page = self.random.choice(self.pages)
        actions = {
            self.type: 5, self.turn: 4, self.switch: 2, self.mistype: 2, self.press: 4,
            self.reload: 1, self.leave: 2, self.reopen: 1, self.go_back: 1,
        }  # fmt: skip
        action = self.random.choices(list(actions), list(actions.values()))[0]
        self.come_back(page)
        if action(page) is not False:
            self.done[action.__name__] += 1
        until(lambda: len(self.marks()) >= len(self.changed), f"a mark of {self.changed[-1:]}")
        self.check_marks()

    def come_back(self, page: Any) -> None:
        """Wait for the run; a window led back to an address from before it opens it again."""
        page.wait_for_selector(f"{LIVE}, .st-key-start button")
        if not page.locator(LIVE).count():
            page.wait_for_timeout(2000)
            if not page.locator(LIVE).count():
                assert "run=" not in page.url, f"{page.url} does not show its run"
                self.done["led to an empty form"] += 1
                page.goto(self.links[0])
        page.wait_for_selector(LIVE)

    def marks(self) -> list[dict[str, Any]]:
        """Return what was changed, by the run's marks."""
        return [mark.changes for mark in marks_of(self.store, self.run) if mark.kind == "set"]

    def check_marks(self) -> None:
        """Compare the marks with what was changed."""
        marks = self.marks()
        assert marks == self.changed, f"marked: {marks[-4:]}\nchanged: {self.changed[-4:]}"

    def in_force(self) -> dict[str, Any]:
        """Return the settings in force."""
        return flatten(settings_in_force(self.store, self.store.run(self.run)))

    def note(self, name: str, value: Any, before: dict[str, Any]) -> None:
        """Note that a setting was changed, if it was another one before."""
        if before[name] != value:
            self.changed.append({name: value})

    # -- what a person does --------------------------------------------------------------------

    def a_dial(self, page: Any) -> tuple[str, Any] | None:
        """Return the name of a dial that the window shows, and its text field."""
        self.follows(page)
        if not (there := self.texts(page)):
            return None
        name = self.random.choice(list(there))
        return name, page.locator(text_of(name))

    def follows(self, page: Any) -> None:
        """Wait until the window shows what is in force."""
        now = self.in_force()

        deadline = time.monotonic() + ANSWER
        while wrong := self.differs(page, now):
            assert time.monotonic() < deadline, f"{page.url}: {wrong} (in force, shown)"
            self.come_back(page)  # it may be led elsewhere only now
            time.sleep(0.05)

    def texts(self, page: Any) -> dict[str, str]:
        """Return what the dials of a window show."""
        texts: dict[str, str] = page.evaluate(TEXTS, {name: text_of(name) for name in DIALS})
        return texts

    def differs(self, page: Any, now: dict[str, Any]) -> dict[str, tuple[Any, str]]:
        """Return which dials of a window show another value than the one in force, and which."""
        wrong = {}
        for name, text in self.texts(page).items():
            shown = float(text) if text.replace(".", "").replace("e-", "").isdecimal() else None
            if shown != now[name] and text != "much":
                wrong[name] = (now[name], text)
        chosen = page.evaluate(CHOSEN)
        if chosen != SOLVERS.index(now["direction.solver"]):
            wrong["direction.solver"] = (now["direction.solver"], str(chosen))
        return wrong

    def type(self, page: Any) -> bool | None:
        """Type a value."""
        if (chosen := self.a_dial(page)) is None:
            return False
        name, field = chosen
        whole = name == "direction.cg_steps"
        value = self.random.randint(1, 30) if whole else self.random.randint(101, 999) / 1e4
        before = self.in_force()
        field.fill(f"{value:g}")
        field.press("Enter")
        self.note(name, value, before)
        return None

    def turn(self, page: Any) -> bool | None:
        """Press a key on a slider."""
        if (chosen := self.a_dial(page)) is None:
            return False
        name, field = chosen
        if field.input_value() in ("", "much"):
            return False
        slider, before = page.locator(text_of(name).replace("text", "range")), self.in_force()
        slider.press(self.random.choice(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]))
        value = float(field.input_value())
        self.note(name, int(value) if name == "direction.cg_steps" else value, before)
        return None

    def switch(self, page: Any) -> bool | None:
        """Choose another direction, once the last choice has been seen everywhere."""
        page.wait_for_timeout(max(0.0, 1000 * (self.switched_at + SEEN - time.monotonic())))
        self.follows(page)
        before = self.in_force()
        now = before["direction.solver"]
        solver = self.random.choice([other for other in SOLVERS if other != now])
        buttons = page.locator(SEGMENTS)
        place = SOLVERS.index(solver)
        if buttons.count() != len(SOLVERS):
            return False
        buttons.nth(place).click()
        self.note("direction.solver", solver, before)
        self.switched_at = time.monotonic()
        return None

    def mistype(self, page: Any) -> bool | None:
        """Type what is no number: nothing may be sent."""
        if (chosen := self.a_dial(page)) is None:
            return False
        _, field = chosen
        if field.input_value() == "much":
            return False
        field.fill("much")
        field.press("Enter")
        page.wait_for_selector("text=got 'much'")
        return None

    def press(self, page: Any) -> bool | None:
        """Press one of the run's buttons, if it is there."""
        button = page.locator(f".st-key-{self.random.choice(BUTTONS)} button")
        if not button.count():
            return False
        try:
            button.first.click(timeout=2000)
        except Exception:  # another window's command has just replaced it
            return False
        return None

    def reload(self, page: Any) -> None:
        """Reload the window."""
        page.reload()

    def leave(self, page: Any) -> None:
        """Go to another page and back."""
        self.links.append(page.url)
        page.get_by_role("link", name=self.random.choice(["Compare", "Runs", "Stability"])).click()
        page.wait_for_timeout(self.random.randint(0, 1500))
        page.get_by_role("link", name="Train").click()
        page.wait_for_function(RESTS)

    def reopen(self, page: Any) -> None:
        """Open a link of some time ago."""
        page.goto(self.random.choice(self.links))

    def go_back(self, page: Any) -> bool | None:
        """Go back in the browser's history, and forth."""
        page.go_back()
        if page.url.startswith(self.url):
            page.wait_for_function(RESTS)
        page.go_forward()
        page.wait_for_function(RESTS)
        return None

    def end(self) -> None:
        """See that all windows say the same, then stop the run in one of them."""
        for page in self.pages:
            self.come_back(page)
            self.follows(page)
        page = self.random.choice(self.pages)
        page.locator(".st-key-stop button").click()
        until(lambda: self.store.run(self.run).status == "ended", "it stops")
        for page in self.pages:
            page.wait_for_selector(".st-key-start button")
            assert page.locator("[data-testid=stAlert]").count() == 0, "an alert after a stop"
        self.check_marks()


def text_of(name: str) -> str:
    """Return where the exact value of a dial stands."""
    return f".st-key-dial-{name.replace('.', '-')} input[type=text]"


def drive(home: Path, seconds: float, seed: int, windows: int) -> str:
    """Drive the windows for so long; return what was done, in words."""
    with running(home) as dashboard, chromium() as browser:
        pages = [browser.new_context().new_page() for _ in range(windows)]
        for page in pages:
            page.set_default_timeout(1000 * ANSWER)
        store = dashboard.store()
        drill = Drill(dashboard.url, store, pages, seed)
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                drill.act()
            drill.end()
        except Exception as error:
            print(f"seed {seed}, after {dict(drill.done)}", file=sys.stderr)
            for number, page in enumerate(pages):
                with suppress(Exception):  # the browser itself may be gone
                    page.screenshot(path=str(home / f"window-{number}.png"))
            raise error
        finally:
            store.close()
        done = ", ".join(f"{count} {name}" for name, count in sorted(drill.done.items()))
        return (
            f"{windows} windows, {seconds:g} s, seed {seed}: {len(drill.changed)} changes, as many "
            f"marks, in order ({done}); {dashboard.tracebacks()} tracebacks"
        )


def main(arguments: list[str] | None = None) -> None:
    """Carry the drill out and print its figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drills.windows")
    parser.add_argument("--seconds", type=float, default=60.0, help="600 for the long form")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--home", type=Path, help="keep the store and pictures of a failure here")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = chosen.home or Path(folder)
        print(drive(home, chosen.seconds, chosen.seed, chosen.windows))


if __name__ == "__main__":
    main()
