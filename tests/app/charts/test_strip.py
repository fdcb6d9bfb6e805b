"""The strip: what it is bound to, and its one scale."""

from __future__ import annotations

from app.charts.strip import Strip, strips
from app.charts.theme import diverging

LAYERS = ("linear1", "linear2")


def test_a_row_of_cells_and_two_bars_are_bound_for_each_layer() -> None:
    figure = strips([Strip("run1", LAYERS, LAYERS[:1]), Strip("run1", LAYERS, (), "rival", 1)])
    cells = [trace for trace in figure.data if trace.type == "heatmap"]
    assert [trace.meta["series"] for trace in cells] == [
        f"{member}/layers/reach_all/{layer}" for member in (0, 1) for layer in LAYERS
    ]
    assert {trace.coloraxis for trace in cells} == {"coloraxis"}
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [trace.meta["series"].split("/")[2] for trace in bars] == ["asked", "made_all"] * 4
    assert bars[-1].meta["over"] == "1/layers/reach_all/linear2"
    layout = figure.layout
    assert layout.yaxis.ticktext == ("linear1", "linear2 (explicit)")  # among implicit ones
    assert layout.yaxis3.ticktext == LAYERS  # where all are explicit, none is named so
    assert layout.xaxis3.matches == "x"
    assert layout.coloraxis.cmin == -layout.coloraxis.cmax


def test_one_is_neutral_and_the_sides_are_warm_and_cool() -> None:
    for theme in ("light", "dark"):
        stops = diverging(theme)
        assert [at for at, _ in stops] == sorted(at for at, _ in stops)
        assert stops[0][0] == 0
        assert stops[-1][0] == 1
        assert stops[len(stops) // 2][0] == 0.5
        red, _, blue = ([int(color[i : i + 2], 16) for _, color in stops] for i in (1, 3, 5))
        middle = len(stops) // 2
        assert all(r > b for r, b in zip(red[middle + 1 :], blue[middle + 1 :], strict=True))
        assert all(r < b for r, b in zip(red[:middle], blue[:middle], strict=True))
