"""The palette keeps its promises: told apart, readable, warm against cool."""

import pytest

from app.charts.theme import ADAM_LIKE, CLASS_COLORS, DARK_LINES, line_style, template
from proxprop.spec.catalog.optimizers import OPTIMIZERS

WHITE, NIGHT = "#FFFFFF", "#14171C"
SOLVERS = ("explicit", "exact", "cg")


def luminance(color):
    def linear(part):
        share = int(part, 16) / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(color[at : at + 2]) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_explicit_is_warm_and_implicit_is_cool(optimizer):
    for solver in SOLVERS:
        red, blue = (int(line_style(solver, optimizer).color[at : at + 2], 16) for at in (1, 5))
        assert (red > blue) == (solver == "explicit")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_dashes_repeat_what_colours_say(optimizer):
    styles = [line_style(solver, optimizer) for solver in SOLVERS]
    assert len({style.dash for style in styles}) == 3


def test_text_is_readable_in_both_themes():
    for dark, background in ((False, WHITE), (True, NIGHT)):
        layout = template(dark).layout
        assert contrast(layout.font.color, background) >= 4.5
        assert contrast(layout.xaxis.tickfont.color, background) >= 4.5


def test_every_line_stands_out_from_the_dark_background():
    for solver in SOLVERS:
        for optimizer in ("sgd", "adam"):
            color = line_style(solver, optimizer).color
            assert contrast(DARK_LINES.get(color, color), NIGHT) >= 3


def test_adaptive_optimizers_are_ones_the_catalog_knows():
    assert {name for name in OPTIMIZERS if name in ADAM_LIKE} == ADAM_LIKE & set(OPTIMIZERS)
    assert {"adam", "adamw", "rmsprop"} <= ADAM_LIKE & set(OPTIMIZERS)


def test_classes_have_colours_of_their_own():
    assert len(set(CLASS_COLORS)) == len(CLASS_COLORS) == 10


def test_an_unknown_solver_is_refused():
    with pytest.raises(ValueError, match="got 'newton'"):
        line_style("newton")
