"""Runs that diverge are taken out, told by training's rule, and leave the others alone."""

from __future__ import annotations

from proxprop.spec.config import SweepConfig

from .driver import alone, curves, final_values, grid, last_map, run, small

EXPLICIT = {"direction": {"solver": "explicit"}, "optimizer": {"name": "sgd"}}


def told(config: SweepConfig) -> dict[int, tuple[str, int, str]]:
    return {
        member: (outcomes[seed], steps[seed], words[seed])
        for method in last_map(run(config))["methods"]
        for row, outcomes, steps, words in zip(
            method["members"], method["outcomes"], method["steps"], method["words"]
        )
        for seed, member in enumerate(row)
    }


def test_outcomes_steps_and_words_are_those_of_the_run_on_its_own() -> None:
    config = small({**EXPLICIT, "lr": grid(1e-4, 1e3, 8)}, precision="float64", seeds=1)
    outcomes = told(config)
    for member, found in outcomes.items():
        _, ended = alone(config, member)
        assert found == (ended.outcome, ended.step, ended.words)
    assert {outcome for outcome, *_ in outcomes.values()} == {"finished", "diverged", "collapsed"}
    assert min(step for outcome, step, _ in outcomes.values() if outcome == "diverged") < 20


def test_a_neighbour_that_diverges_changes_nothing() -> None:
    lonely = small({**EXPLICIT, "lr": grid(0.05, 0.2, 2)}, precision="float64", seeds=1)
    neighbour = {**EXPLICIT, "lr": grid(1e3, 1e6, 3)}
    crowded = small(neighbour, lonely.methods[0].model_dump(), precision="float64", seeds=1)
    events, expected = run(crowded), run(lonely)
    assert [row[0] for row in last_map(events)["methods"][0]["outcomes"]] == ["diverged"] * 3
    for member in (0, 1):
        own = dict(curves(expected)[member])
        # Bit for bit: a copy's products do not depend on how many copies there are.
        assert dict(curves(events)[3 + member]) == own
        assert final_values(events)[3 + member] == final_values(expected)[member]


def test_a_diverged_curve_ends_with_the_step_that_diverged() -> None:
    config = small({**EXPLICIT, "lr": grid(1e4, 1e4, 1)}, seeds=1, steps=250)
    events = run(config)
    method = last_map(events)["methods"][0]
    assert method["losses"] == [[None]]
    assert curves(events)[0][-1][0] == method["steps"][0][0]
    assert method["words"][0][0].startswith(f"diverged at step {method['steps'][0][0]}: loss")


def test_long_curves_are_thinned_but_keep_both_ends() -> None:
    config = small({**EXPLICIT, "lr": grid(0.01, 0.01, 1)}, seeds=1, steps=250)
    steps = [step for step, _ in curves(run(config))[0]]
    assert steps == [1, *range(3, 250, 3), 250]
    exact, _ = alone(config, 0)
    assert len(exact) == 250


def test_all_runs_may_diverge() -> None:
    config = small({**EXPLICIT, "lr": grid(1e5, 1e6, 2)}, seeds=1)
    found = last_map(run(config))
    assert (found["finished"], found["runs"]) == (2, 2)
