"""The order of runs, the description of single runs, and sweeps in the run store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from proxprop.engine import load_loops
from proxprop.engine.sweeping.plan import copies_at_once, plan
from proxprop.runs.execution import execute
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.process import Process
from proxprop.runs.progress import Progress
from proxprop.runs.results import find_sweep, sweep_map
from proxprop.runs.store import Store
from proxprop.spec.catalog.models import layer_table
from proxprop.spec.config import ConfigError, SweepConfig
from proxprop.spec.events import WHOLE, Point, Started
from proxprop.spec.sweeping import default_sweep, plane_sweep

from .driver import curves, grid, last_map, members, run, small


def layers_of(config: SweepConfig, shape: tuple[int, ...] = (1, 8, 8)):
    model = config.model
    return layer_table(model.name, model.widths, model.activation, shape, 10, model.bias)


def test_the_default_map_is_three_methods_on_one_axis() -> None:
    config = default_sweep()
    assert len(members(config)) == 225
    low, high = (
        {m.place(m.lr_values[0], m.tau_values[0]) for m in config.methods},
        {m.place(m.lr_values[-1], m.tau_values[-1]) for m in config.methods},
    )
    assert max(low) == pytest.approx(min(low)) == pytest.approx(1e-2)
    assert max(high) == pytest.approx(min(high)) == pytest.approx(1e3)
    assert plane_sweep().methods[0].shape == (15, 15)


@pytest.mark.parametrize("config", [default_sweep(), plane_sweep(seeds=2), small()])
def test_every_run_is_planned_once_seed_after_seed(config: SweepConfig) -> None:
    blocks = plan(config, layers_of(config), "cpu")
    planned = [(cell.number, block.seed_index) for block in blocks for cell in block.cells]
    assert sorted(planned) == sorted(divmod(m, config.seeds) for m in members(config))
    assert [block.seed_index for block in blocks] == sorted(block.seed_index for block in blocks)


def test_methods_take_turns_and_show_every_second_step_size_first() -> None:
    config = default_sweep(seeds=1)
    blocks = plan(config, layers_of(config), "cpu")
    assert [{cell.method for cell in block.cells} for block in blocks] == [{0}, {1}, {2}] * 2
    for first, second in zip(blocks[:3], blocks[3:]):
        assert [sum(cell.position) for cell in first.cells if sum(cell.position) % 4 == 0] == [
            *range(0, 25, 4)
        ]
        positions = {sum(cell.position) for cell in first.cells}
        assert positions < set(range(0, 25, 2))
        assert positions | {sum(cell.position) for cell in second.cells} == set(range(25))


def test_large_networks_are_not_stacked_beyond_what_a_step_may_cost() -> None:
    large = default_sweep().replace(**{"model.name": "paper-mlp", "data.name": "cifar10"})
    assert copies_at_once(large, layers_of(large, (3, 32, 32)), "cpu") == 1
    config = default_sweep()
    assert copies_at_once(config, layers_of(config), "cpu") > 8


def test_a_member_is_the_run_of_its_cell_and_seed() -> None:
    config = small(seed=7)
    run_config = config.run(len(members(config)) - 1)
    assert (run_config.seed, run_config.budget.steps, run_config.budget.epochs) == (8, 20, None)
    assert (run_config.direction.tau, run_config.optimizer.lr) == (1.0, 1.0)
    assert run_config.data == config.data
    with pytest.raises(IndexError, match="got 12"):
        config.run(12)


def test_a_map_of_too_many_runs_is_refused() -> None:
    method = {"optimizer": {"name": "sgd"}, "lr": grid(0.1, 1, 200), "tau": grid(0.1, 1, 200)}
    with pytest.raises(ConfigError, match="methods: ask for 80000 runs, at most 20000"):
        small(method)


def test_labels_say_the_method_and_an_unusual_optimizer() -> None:
    method = {"direction": {"solver": "cg", "cg_steps": 5}, "optimizer": {"name": "nesterov"}}
    (named,) = small({**method, "lr": grid(0.1, 1)}).methods
    assert named.name == "implicit (CG 5), SGD + Nesterov"
    assert named.axis == "lr_tau"
    adam = {**method, "optimizer": {"name": "adam"}, "lr": grid(0.1, 1), "label": "mine"}
    assert (small(adam).methods[0].name, small(adam).methods[0].axis) == ("mine", "lr")


def test_a_stored_sweep_holds_its_map_and_curves_and_is_found_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "proxprop.db")
    config = small()
    run_id = store.create_run(config, process=Process.current())
    assert find_sweep(store, config) is None
    going = find_sweep(store, config, live=True)
    assert going is not None
    assert going.id == run_id
    ended = execute(store, run_id, Mailbox(store, run_id), load_loops)
    assert ended.outcome == "finished"
    events = run(config)
    assert sweep_map(store, run_id) == last_map(events)
    for member, curve in curves(events).items():
        stored = store.points(run_id, "steps", member)
        assert list(zip(stored["step"], stored["loss"])) == curve
        assert len(store.points(run_id, "evaluations", member)) == 1
    found = find_sweep(store, config)
    assert found is not None
    assert (found.id, found.progress) == (run_id, 1.0)
    assert find_sweep(store, config.replace(seed=1)) is None
    assert store.checkpoints(run_id)
    assert store.run(run_id).summary["runs"] == 12


def test_progress_counts_runs_and_those_before_a_resume() -> None:
    config = small()
    progress = Progress(config)
    progress.started(Started(60, 7, 20, 100, (), (), 100, "cpu", member=WHOLE))
    progress.reached(Point("steps", 10, 0.0, 0.0, {"loss": 1.0}, member=5))
    assert progress.fraction() == pytest.approx((3 + 0.5) / 12)
    # A run that diverges at its second step has nothing left to do.
    progress.reached(Point("evaluations", 2, 0.0, 0.0, {"train_loss": float("nan")}, member=6))
    assert progress.fraction() == pytest.approx((3 + 0.5 + 1) / 12)


def test_configs_and_stored_maps_load_no_torch() -> None:
    code = (
        "import sys; from proxprop.spec.sweeping import default_sweep;"
        "from proxprop.runs.results import find_sweep, sweep_map;"
        "import proxprop.cli.starting; default_sweep().run(3); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
