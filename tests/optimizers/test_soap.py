"""SOAP, an optional package's optimizer: refused in words without it, whole with it."""

from __future__ import annotations

import dataclasses
import math
import sys

import pytest

from proxprop.spec.catalog.optimizers import OPTIMIZERS, SOLVERS
from proxprop.spec.config import ConfigError, Contender
from tests.engine.training.driver import losses, run, small, weights
from tests.engine.training.test_resume import assert_resumes

SPEC = OPTIMIZERS["soap"]


@pytest.fixture
def installed() -> None:
    pytest.importorskip(SPEC.package, reason=f"optional: {SPEC.install}")


def test_without_its_package_it_is_refused_with_the_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = dataclasses.replace(SPEC, package="no_such_package")
    monkeypatch.setitem(OPTIMIZERS, "soap", absent)
    for solver in SOLVERS:
        assert absent.pairing(solver).support == "no"
    words = (
        "optimizer.name: 'soap' cannot be used yet: it needs the package no-such-package, which "
        "is not installed: pip install 'proxprop[soap]'"
    )
    with pytest.raises(ConfigError) as caught:
        Contender.parse({"optimizer": {"name": "soap"}})
    assert str(caught.value) == words


def test_the_table_is_read_without_importing_the_package() -> None:
    before = SPEC.package in sys.modules
    assert SPEC.pairing("explicit").support in ("yes", "no")
    assert (SPEC.package in sys.modules) == before


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("solver", SOLVERS)
def test_it_trains_with_every_direction(solver: str) -> None:
    config = small(
        optimizer__name="soap", optimizer__lr=0.01, direction__solver=solver, budget__epochs=10.0
    )
    events = run(config)
    found = losses(events)
    assert all(map(math.isfinite, found))
    assert events[-1].summary["train_loss"] < 0.8 * found[0]


@pytest.mark.usefixtures("installed")
def test_it_resumes_bit_for_bit(tmp_path) -> None:
    config = small(
        optimizer__name="soap", optimizer__lr=0.01, budget__epochs=None, budget__steps=40
    )
    assert_resumes(config, tmp_path)


@pytest.mark.usefixtures("installed")
def test_explicit_layers_move_at_their_own_rate() -> None:
    frozen = small(optimizer__name="soap", optimizer__lr=0.01, optimizer__explicit_lr=1e-30)
    before = weights(run(frozen.replace(**{"budget.epochs": None, "budget.steps": 1})))
    after = weights(run(frozen))
    name = "model/linear3.weight"
    assert (after[name] - before[name]).abs().max() < 1e-6
    assert not (after["model/linear1.weight"] == before["model/linear1.weight"]).all()
