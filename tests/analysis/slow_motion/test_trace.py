"""Every number of the slow motion against an independent float64 computation."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch

from proxprop.analysis.slow_motion import findings
from proxprop.analysis.slow_motion.step import StepTrace
from proxprop.analysis.state import StateError
from proxprop.penalty import EQUATIONS
from tests.analysis.slow_motion.cases import CASES, EXPLICIT_LR, LR, TAU, decoded, state, traced
from tests.analysis.slow_motion.reference import Reference

# Rounding only: both sides are float64 on tiny nets; differences of nearly equal numbers (a step
# of length 1e-3 read off weights of length 1) lose three digits.
CLOSE = {"rel": 1e-8, "abs": 1e-13}


@pytest.fixture(params=[(case, solver) for case in CASES for solver in ("cg", "exact")], ids=str)
def both(request):
    found, trace = traced(*request.param)
    return Reference(found.model, found.inputs, found.targets), trace


def numbers(frame):
    return {number["key"]: number["value"] for number in frame["numbers"]}


def norm(tensor):
    return float(tensor.norm())


def expected_numbers(ref, frame, cg_steps):
    """Return the numbers a frame must hold, by key, from the reference alone."""
    at, kind = frame["layer"], frame["kind"]
    if kind == "forward_z":
        return {"norm": norm(ref.z[at]), "theta_norm": norm(ref.theta[at])}
    if kind == "forward_a":
        return {"norm": norm(ref.a[at]), "zeros": float((ref.a[at] == 0).double().mean())}
    if kind == "loss":
        return {"loss": ref.loss, "lr": LR}
    if kind in ("a_half", "z_half"):
        old, new = (ref.a, ref.a_half) if kind == "a_half" else (ref.z, ref.z_half)
        change = new[at] - old[at]
        still = float((change == 0).double().mean())
        length = norm(change)
        return {"change": length, "relative": length / norm(old[at]), "still": still, "lr": LR}
    theta, old = weights_after(ref, frame, cg_steps), ref.theta[at]
    step = {"change": norm(theta - old), "relative": norm(theta - old) / norm(old)}
    if kind == "theta_explicit" and at == ref.depth:
        return {**step, "lr": EXPLICIT_LR}
    before, after = norm(ref.misfit(at, old)), norm(ref.misfit(at, theta))
    if kind == "cg_iteration":
        return {
            "residual": ref.residual(at, theta),
            "proximal_before": ref.proximal(at, old),
            "proximal_after": ref.proximal(at, theta),
            "overshoot": after / before,
            "change": step["change"],
            "tau": TAU,
        }
    misfit = {"misfit_before": before, "misfit_after": after, "overshoot": after / before}
    if kind == "theta_implicit":
        return {**misfit, **step, "tau": TAU}
    rows = ref.rows(at)
    matched = old - TAU * ref.misfit(at, old).T @ rows
    return {
        **misfit,
        "overshoot_matched": norm(ref.misfit(at, matched)) / before,
        **step,
        "lr": LR,
    }


def weights_after(ref, frame, cg_steps):
    at, kind = frame["layer"], frame["kind"]
    if kind == "theta_explicit":
        return ref.explicit(at)
    if kind == "cg_iteration":
        return ref.krylov(at, frame["iteration"])
    return ref.exact(at) if cg_steps is None else ref.krylov(at, cg_steps)


def test_every_number_equals_the_reference(both):
    ref, trace = both
    cg_steps = trace["setting"]["cg_steps"]
    for frame in trace["frames"]:
        expected = expected_numbers(ref, frame, cg_steps)
        assert numbers(frame) == pytest.approx(expected, **CLOSE), frame["title"]


def test_energy_after_each_stage_is_that_of_the_variables_as_they_stand(both):
    ref, trace = both
    cg_steps = trace["setting"]["cg_steps"]
    start = (dict(ref.theta), {i: z for i, z in ref.z.items() if i < ref.depth}, dict(ref.a))
    sides = {side: tuple(map(dict, start)) for side in ("explicit", "implicit")}
    known = False
    for frame in trace["frames"]:
        for side, (theta, z, a) in sides.items():
            if frame["side"] in (side, "both"):
                move(ref, frame, theta, z, a, cg_steps)
            energy = frame["energy"][side]
            known = known or frame["kind"] == "loss"
            if not known:
                assert energy == {"before": None, "after": None}
                continue
            found = ref.energy(theta, z, a)
            for part, value in found.items():
                assert energy["after"][part] == pytest.approx(value, **CLOSE), frame["title"]


def move(ref, frame, theta, z, a, cg_steps):
    at = frame["layer"]
    if frame["variable"] == "theta":
        theta[at] = weights_after(ref, frame, cg_steps)
    elif frame["kind"] == "z_half":
        z[at] = ref.z_half[at]
    elif frame["kind"] == "a_half":
        a[at] = ref.a_half[at]


def test_energy_before_a_stage_is_what_the_stage_before_left(both):
    _, trace = both
    after = None
    for frame in trace["frames"]:
        for side in ("explicit", "implicit"):
            energy = frame["energy"][side]
            if frame["side"] not in (side, "both") and energy["after"] is not None:
                assert energy["before"] == energy["after"]
            elif after is not None and after[side] and frame["kind"] != "theta_implicit":
                assert energy["before"] == after[side]
        after = {side: frame["energy"][side]["after"] for side in ("explicit", "implicit")}


def test_pictures_show_the_tensors(both):
    ref, trace = both
    cg_steps = trace["setting"]["cg_steps"]
    for frame in trace["frames"]:
        at = frame["layer"]
        if frame["kind"] == "z_half":
            shown = [ref.z[at], ref.z_half[at] - ref.z[at], ref.z_half[at]]
        elif frame["kind"] in ("theta_implicit", "cg_iteration"):
            change = weights_after(ref, frame, cg_steps) - ref.theta[at]
            shown = [ref.rows(at), ref.theta[at], ref.explicit(at) - ref.theta[at], change]
        else:
            continue
        assert len(frame["tiles"]) == len(shown)
        for tile, values in zip(frame["tiles"], shown):
            image = tile["picture"]
            if values.dim() == 4:
                values = values[0, : image["count"]]
            if list(values.shape[-2:]) != [image["rows"], image["cols"]]:
                continue  # reduced: tests/analysis/slow_motion/test_pictures.py
            # Half a level of 127, and the scale may be that of a neighbouring tile.
            error = (decoded(image) - values).abs().max()
            assert error <= image["scale"] / 254 * (1 + 1e-9), frame["title"]


def test_measures_equal_the_reference(both):
    ref, trace = both
    cg_steps = trace["setting"]["cg_steps"]
    for row in trace["measures"][:-1]:
        at = row["layer"]
        theta = ref.exact(at) if cg_steps is None else ref.krylov(at, cg_steps)
        matrix, _ = ref.system(at)
        step, slope, rows = ref.theta[at] - theta, ref.grads[at], ref.rows(at)
        before = norm(ref.misfit(at, ref.theta[at]))
        change = ref.z_half[at] - ref.z[at]
        values = torch.linalg.eigvalsh(matrix)
        expected = {
            "update_implicit": norm(step) / norm(ref.theta[at]),
            "update_explicit": LR * norm(slope) / norm(ref.theta[at]),
            "change_z": norm(change),
            "change_a": norm(ref.a_half[at] - ref.a[at]),
            "overshoot": norm(ref.misfit(at, theta)) / before,
            "overshoot_exact": norm(ref.misfit(at, ref.exact(at))) / before,
            "cosine": float((step * slope).sum()) / norm(step) / norm(slope),
            "lambda_max": float(values[-1]) - 1 / TAU,
        }
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-8), (at, name)
        assert row["cosine"] > 0
        assert len(row["cg_residuals"]) == (cg_steps or 0)
        gram, vectors = torch.linalg.eigh(rows.T @ rows)
        top = vectors[:, -1]
        along = float((rows @ top / gram[-1].sqrt() @ ref.as_rows(change)).norm())
        assert row["top_energy"][0] == pytest.approx((along / norm(change)) ** 2, rel=1e-6)


def test_all_checks_hold(both):
    _, trace = both
    assert {check["key"] for check in trace["checks"]} == {
        "autograd",
        "layers",
        "descent",
        "angle",
        "objective",
    }
    assert all(check["holds"] for check in trace["checks"]), trace["checks"]


def test_a_wrong_layer_is_found_out(monkeypatch):
    honest = findings.layer_steps

    def wrong(*args):
        return [
            dataclasses.replace(step, direction=-1.001 * step.direction) for step in honest(*args)
        ]

    monkeypatch.setattr(findings, "layer_steps", wrong)
    holds = {c["key"]: c["holds"] for c in traced("mlp")[1]["checks"]}
    assert holds == {
        "autograd": True,
        "layers": False,
        "descent": False,
        "angle": True,
        "objective": True,
    }


def test_equations_name_the_layer(both):
    _, trace = both
    depth = len(trace["layers"])
    for frame in trace["frames"]:
        assert frame["equation_key"] in EQUATIONS
        at = frame["layer"]
        head = frame["equation"].split("=")[0].strip()
        expected = {
            "forward_z": f"z_{at}^k",
            "forward_a": f"a_{at}^k",
            "loss": "J",
            "a_half": f"a_{{{at}}}^{{1/2}}",
            "z_half": f"z_{at}^{{1/2}}",
            "theta_explicit": rf"\theta_{at}^+",
            "theta_implicit": rf"\theta_{at}^+",
        }.get(frame["kind"])
        if expected is not None:
            assert head == expected
        else:
            assert head.startswith(f"C_{frame['iteration']} ")
    tops = [f for f in trace["frames"] if f["equation_key"] == "theta_explicit_top"]
    assert [frame["layer"] for frame in tops] == [depth]


def test_the_last_layer_may_be_implicit_too():
    _, trace = traced("mlp", "cg", **{"direction.layers": "all"})
    kinds = [(frame["kind"], frame["layer"]) for frame in trace["frames"] if frame["layer"] == 3]
    assert ("z_half", 3) in kinds
    assert kinds.count(("cg_iteration", 3)) == 3
    assert all(check["holds"] for check in trace["checks"]), trace["checks"]


def test_a_trace_is_plain_json(both):
    _, trace = both
    assert json.loads(json.dumps(trace, allow_nan=False)) == trace


def test_weights_that_diverged_are_refused():
    found = state("mlp")
    with torch.no_grad():
        found.model[0].weight.fill_(math.inf)
    with pytest.raises(StateError, match="diverged"):
        StepTrace(found)


@pytest.mark.parametrize("last", ["hidden", "all"])
@pytest.mark.parametrize("solver", ["cg", "exact"])
@pytest.mark.parametrize("case", CASES)
def test_progress_is_told_at_every_stage_and_ends_at_one(case, solver, last):
    told = []
    step = StepTrace(state(case, solver, **{"direction.layers": last}))
    frames = step.motion(lambda words, share: told.append(share))["frames"]
    assert len(told) == len(frames) + 1
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] == pytest.approx(1)


def test_words_of_the_progress_name_the_stage():
    told = []
    StepTrace(state("mlp")).motion(lambda words, share: told.append(words))
    assert "θ₂, implicit: CG 2 of 3, layer 2 of 3" in told
