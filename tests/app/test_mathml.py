"""The mathematics of our own components: MathML that says what the LaTeX says."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from app.layers.player import energy_parts, formulas
from app.mathml import mathml
from proxprop.penalty.equations import EQUATIONS

SPACE = "{http://www.w3.org/1998/Math/MathML}"


def tags(tex: str) -> list[str]:
    return [node.tag.removeprefix(SPACE) for node in ET.fromstring(mathml(tex)).iter()]


@pytest.mark.parametrize("tex", EQUATIONS.values(), ids=EQUATIONS)
def test_every_equation_is_typeset_and_named(tex: str) -> None:
    root = ET.fromstring(mathml(tex))
    assert root.attrib["aria-label"] == tex
    assert "\\" not in "".join(root.itertext())
    assert "merror" not in tags(tex)


def test_a_layers_number_is_one_index() -> None:
    root = ET.fromstring(mathml("z_{12}^{1/2}"))
    script = root.find(f".//{SPACE}msubsup")
    assert script is not None
    assert ["".join(part.itertext()) for part in script] == ["z", "12", "1/2"]


def test_a_half_of_gamma_is_a_fraction() -> None:
    assert "mfrac" in tags(energy_parts(1)[2]["tex"])


def test_delta_is_upright() -> None:
    assert ET.fromstring(mathml(r"\Delta z"))[0][0].attrib == {"mathvariant": "normal"}


def test_few_layers_have_bars_of_their_own_and_many_are_summed() -> None:
    assert [part["at"] for part in energy_parts(2)] == [
        ["total"],
        ["data"],
        ["activation", 1],
        ["linear", 1],
        ["activation", 0],
        ["linear", 0],
    ]
    assert [part["at"] for part in energy_parts(3)[2:]] == [["activation"], ["linear"]]


def test_all_that_is_shown_is_typeset() -> None:
    frame = {
        "equation": "a = b",
        "numbers": [{"tex": r"\eta"}],
        "tiles": [{"label": r"\theta_1^k"}],
    }
    shown = formulas({"frames": [frame]}, energy_parts(0))
    assert shown == {"a = b", r"\eta", r"\theta_1^k", "E", "L_y"}
