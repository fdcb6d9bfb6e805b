"""Figures bound to live series, small multiples, and recorded panels: what the browser is given."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from app.charts.curves import Quantity, Trace, curves
from app.charts.multiples import Row, multiples
from app.charts.panels import Line, Panel, Picture
from app.charts.theme import BLUE, LineStyle

EXACT = LineStyle(BLUE, "solid")


def named(figure: go.Figure, name: str) -> list[go.Scatter]:
    return [trace for trace in figure.data if trace.name == name]


def test_a_trace_is_bound_to_its_series_as_data() -> None:
    seeds = ("0/evaluations/loss", "1/evaluations/loss")
    trace = Trace("run1", seeds[0], "exact", BLUE, "dash", seeds=seeds)
    (line,) = curves([trace], y_title="loss J").data
    assert line.meta == {
        "run": "run1",
        "series": seeds[0],
        "seeds": list(seeds),
        "label": "exact",
    }
    assert (line.x, line.y) == ((), ())
    assert (line.line.color, line.line.dash) == (BLUE, "dash")


def test_context_has_no_name_and_is_thin_and_solid() -> None:
    (line,) = curves(
        [Trace("r", "0/steps/loss", "mini-batch", BLUE, "dash", faint=True)], y_title="J"
    ).data
    assert line.meta["label"] == ""
    assert (line.line.dash, line.line.width, line.opacity) == ("solid", 1.2, 0.45)


@pytest.mark.parametrize(("count", "names"), [(0, "legend"), (4, "ends"), (5, "legend")])
def test_up_to_four_lines_are_named_at_their_ends(count: int, names: str) -> None:
    traces = [Trace("r", f"{i}/steps/loss", f"line {i}", BLUE) for i in range(count)]
    assert curves(traces, y_title="J").layout.meta["names"] == names


def test_lecture_is_large_and_thick() -> None:
    trace = Trace("r", "0/steps/loss", "exact", BLUE, width=2.0)
    desk, hall = (curves([trace], y_title="J", lecture=lecture) for lecture in (False, True))
    assert hall.layout.font.size == 18
    assert hall.data[0].line.width == pytest.approx(1.7 * desk.data[0].line.width)


def test_shares_are_written_as_per_cent() -> None:
    figure = curves([], y_title="accuracy", y_format=".1%")
    assert figure.layout.yaxis.tickformat == ",.0%"
    assert Quantity("e/a", "accuracy", "Who?", "accuracy", y_format=".1%").as_data()["hover"] == (
        "%{y:.1%}"
    )


def test_multiples_share_axes_and_say_where_a_layer_has_nothing() -> None:
    row = Row("Overshoot", "share left over", ("overshoot",), level=1.0)
    trace = Trace("r", "0/layers/overshoot/linear1", "one", BLUE)
    panels = {
        (0, "linear1"): [trace],
        (0, "linear2"): [],
        (1, "linear1"): [trace],
        (1, "linear2"): [],
    }
    figure = multiples([row, row], ["linear1", "linear2"], panels)
    layout = figure.layout
    assert [trace.xaxis for trace in figure.data] == ["x", "x2", "x3", "x4"]
    assert (layout.yaxis2.matches, layout.yaxis4.matches, layout.xaxis4.matches) == ("y", "y3", "x")
    assert (layout.yaxis.title.text, layout.yaxis2.title.text) == ("share left over", "")
    assert (layout.xaxis.title.text, layout.xaxis3.title.text) == ("", "step")
    words = [note.text for note in layout.annotations]
    assert words.count("explicit layer:<wbr> none") == 2
    assert words[0] == "linear1"
    assert {shape.y0 for shape in layout.shapes} == {1.0}


def picture() -> go.Figure:
    columns = {"epoch": [0.0, 1.0, 2.0], "train_loss": [2.0, None, 0.5]}
    plain = Line("explicit", EXACT, columns, std={"train_loss": [0.1, None, 0.2]})
    wild = Line("wild", EXACT, columns, reached={"epoch": 1.5}, diverged=True, seed=3)
    panels = (
        Panel("Loss by epoch", "epoch", "train_loss", target=True),
        Panel("Accuracy by epoch", "epoch", "validation_accuracy"),
    )
    return Picture(panels, (plain, wild), (1.0, "explicit ends at 1")).figure()


def test_a_recorded_line_has_the_points_that_were_measured() -> None:
    plain, _ = named(picture(), "explicit")
    assert (plain.x, plain.y) == ((0.0, 2.0), (2.0, 0.5))
    assert plain.meta["std"] == [0.1, 0.2]
    assert plain.meta["about"] == {
        "figure": "Loss by epoch",
        "contender": "explicit",
        "seed": "",
        "x": "epoch",
        "y": "train_loss",
    }


def test_only_losses_switch_their_scale() -> None:
    layout = picture().layout
    assert layout.meta["logs"] == ["yaxis"]
    assert (layout.yaxis.type, layout.yaxis2.type) == ("log", "linear")
    assert layout.yaxis2.tickformat == ",.0%"


def test_the_target_has_a_ring_a_drop_and_its_words() -> None:
    figure = picture()
    (ring,) = named(figure, "target reached")
    assert (ring.x, ring.y, ring.legendgroup) == ((1.5,), (1.0,), "wild")
    (drop,) = [shape for shape in figure.layout.shapes if shape.name == "wild"]
    assert (drop.x0, drop.x1, drop.y0) == (1.5, 1.5, 1.0)
    headings = [note.text for note in figure.layout.annotations]
    assert ["explicit ends at 1" in text for text in headings].count(True) == 1
    assert headings[0].endswith("┈ explicit ends at 1</span>")  # where no curve can cross it


def test_a_line_that_diverged_says_so() -> None:
    wild, _ = named(picture(), "wild")
    assert wild.meta["ended"] is True
    assert wild.meta["about"]["seed"] == 3


def test_lost_runs_stand_in_rows_above_the_lines() -> None:
    columns = {"tau": [0.1], "loss": [1.0]}
    lines = tuple(Line(name, EXACT, columns, gone=(1.0, 10.0)) for name in ("a", "b"))
    figure = Picture((Panel("Loss", "tau", "loss"),), lines).figure()
    first, second = named(figure, "diverged")
    assert first.x == (1.0, 10.0)
    assert first.text == ("diverged ", "")
    assert first.y[0] > second.y[0] > 0.8
    assert figure.layout.meta["headroom"]["yaxis"] == pytest.approx(0.19)
    low, high = figure.layout.xaxis.range
    assert low < -1 < 1 < high  # the places of lost runs too
