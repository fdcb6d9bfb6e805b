"""Every page at every size: no words cut or upon each other, nothing that scrolls sideways."""

from __future__ import annotations

import pytest

from benchmarks.screens.looking import AT_REST, QUIET, findings
from proxprop.spec.config import RaceConfig, RunConfig
from proxprop.spec.events import WHOLE, Ended, Point
from tests.app.conftest import PAGES
from tests.browser.writer import Writer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# What spoils a page; the rest is for a person to judge.
SERIOUS = ("scrolls sideways", "cut", "overlap", "beyond the window", "turned")
SIZES = {"phone": (390, 844), "laptop": (1280, 720), "desktop": (1920, 1080)}
LINKS = (
    *(name.replace("home", "") for name in PAGES),
    *("stability?view=Real+layers", "stability?view=Whole+network", "layers?step=exact"),
    *(f"paper?experiment={each}" for each in ("mlp-adam", "convnet", "batch", "stability")),
    *("train?run={diverged}", "train?run={finished}", "train?run={live}", "compare?race={race}"),
    *("layers?view=time&run={finished}&with={diverged}", "layers?view=time&run={live}"),
    *("runs?run={finished}", "runs?run={finished},{diverged}", "runs?q=nothing+like+it"),
)
# The style sheet that the page sends is in force.
STYLED = "[...document.querySelectorAll('style')].some((own) => /proxprop-/.test(own.textContent))"


@pytest.fixture(scope="module")
def runs(server):
    """A run in each state and a race, by what they are; words as long as they come."""
    writers = {
        "finished": Writer(server.home),
        "diverged": Writer(
            server.home,
            config=RunConfig().replace(**{"direction.solver": "explicit", "optimizer.lr": 50}),
        ),
        "live": Writer(server.home),
    }
    writers["finished"].advance(6000)
    writers["finished"].end("finished", "after 6 epochs: validation accuracy 93.8%")
    writers["diverged"].advance(9)
    writers["diverged"].end("diverged", "diverged at step 9: loss 127 → 1.52e+04")
    writers["live"].advance(4500)
    yield {
        **{name: writer.run for name, writer in writers.items()},
        "race": race(writers["live"].store),
    }
    writers["live"].end("stopped", "stopped at step 4,500")


def race(store):
    """Write down a race that is over."""
    contenders = [{"direction": {"solver": solver}} for solver in ("explicit", "exact", "cg")]
    config = RaceConfig.parse({"contenders": contenders})
    run = store.create_run(config)
    for member in range(len(contenders)):
        rows = [
            Point(
                "evaluations",
                step,
                step,
                step / 9,
                {"train_loss": 4 / (step + 1) ** member},
                member,
            )
            for step in range(9)
        ]
        end = Ended("finished", 9, 9.0, 1.0, "", {"train_loss": 4 / 9**member}, member)
        store.append(run, rows, events=[(0.0, end)])
    words = "implicit (exact), SGD + Nesterov ends lowest: training loss 0.0381"
    store.end(run, "finished", words, {}, WHOLE)
    return run


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_or_covered(page, server, runs, size):
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    found = []
    for link in LINKS:
        page.goto(f"{server.url}/{link.format(**runs)}")
        page.wait_for_selector("h1")
        page.wait_for_function(STYLED)
        page.wait_for_function(QUIET)
        page.evaluate(AT_REST)
        found += [(link, *each) for each in findings(page) if each[0] in SERIOUS]
    assert found == []
