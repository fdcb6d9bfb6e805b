"""The page's one bar of controls."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.components.notation import exact_number
from app.guard import take_problem
from app.layers import acting, choice
from app.layers.choice import COUNTS, ETAS, NETS, STEPS, TAUS, TIERS, VIEWS, Choice, asked, key
from proxprop.runs.record import Run
from proxprop.spec.config import ConfigError

STYLE = Path(__file__).with_name("style.css")


def view() -> str:
    """Show which of the page's two views is on, and return it."""
    st.html(STYLE)
    if problem := take_problem():
        st.error(problem)
    choice.arrive()
    chosen = st.segmented_control(
        "View",
        list(VIEWS),
        format_func=VIEWS.__getitem__,
        default=asked("view") if asked("view") in VIEWS else "step",
        required=True,
        key=key("view"),
        label_visibility="collapsed",
    )
    return chosen or "step"


def controls(shown: str) -> Choice:
    """Show the controls of a view and return what they say; the URL follows."""
    runs = choice.known_runs()
    for name in choice.missing(runs):
        st.warning(f"There is no run {name!r} of one network; choose another, or initial weights.")
    with st.container(key="layers-bar", horizontal=True, vertical_alignment="bottom", gap="medium"):
        return _along(runs) if shown == "time" else _one_step(runs)


def _one_step(runs: dict[str, Run]) -> Choice:
    options = [*NETS, *runs]
    start = asked("run") or asked("of")
    chosen = st.selectbox(
        "Weights",
        options,
        index=options.index(start) if start in options else 0,
        format_func=lambda name: _source(name, runs),
        key=key("weights"),
        on_change=_forget_steps,
        help="Initial weights, or those a run has saved last.",
        width=250,
    )
    run = runs.get(chosen)
    if run is not None and run.status in ("running", "paused"):
        acting.save_first_weights(run.id)
    base = choice.settings(run, chosen if run is None else "mlp")
    step = st.segmented_control(
        "Implicit step",
        list(STEPS),
        format_func=STEPS.__getitem__,
        default=asked("step") if asked("step") in STEPS else "cg",
        required=True,
        key=key("step"),
        help="CG k: iterations of conjugate gradients, one by one. exact: the solution at once.",
    )
    iterations = int(choice.number("k", 3))
    count = st.selectbox(
        "k",
        COUNTS,
        index=COUNTS.index(iterations) if iterations in COUNTS else 2,
        key=key("k"),
        disabled=step == "exact",
        help="CG iterations per layer.",
        width=84,
    )
    tau = _slider(
        "τ",
        "tau",
        TAUS,
        base.direction.tau,
        "Proximal step τ, no unit: how far a layer may move. The matched explicit step is s = τ.",
    )
    lr = _slider(
        "η",
        "eta",
        ETAS,
        base.optimizer.lr,
        "Step size η, no unit. Both algorithms move the targets z by it.",
    )
    if run is not None and run.status != "ended":
        st.button(
            "Newest weights",
            key=key("newest"),
            help="Have the run save its weights now, and follow the step it takes next.",
            on_click=acting.save_weights,
            args=(run.id,),
        )
    choice.leave(
        {
            "run": run.id if run else "",
            "of": "" if run else chosen,
            "step": step or "cg",
            "k": str(count),
            "tau": "" if tau == base.direction.tau else exact_number(tau),
            "eta": "" if lr == base.optimizer.lr else exact_number(lr),
        }
    )
    values = {
        "direction.solver": step or "cg",
        "direction.cg_steps": count,
        "direction.tau": tau,
        "optimizer.lr": lr,
    }
    try:
        config = base.replace(**values)
    except ConfigError:
        # An optimizer that takes no such direction: the step itself is shown all the same.
        config = base.replace(**values, **{"optimizer.name": "sgd"})
    return Choice("step", run, None, choice.request_of(config, run))


def _along(runs: dict[str, Run]) -> Choice:
    options = list(runs)
    if not options:
        choice.leave({"view": "time"})
        return Choice("time", None, None, None)
    start, second = asked("run"), asked("with")
    chosen = st.selectbox(
        "Run",
        options,
        index=options.index(start) if start in options else 0,
        format_func=lambda name: _source(name, runs),
        key=key("run"),
        help="Live or finished; instruments record every few steps.",
        width=250,
    )
    others = ["", *(name for name in options if name != chosen)]
    other = st.selectbox(
        "Compare with",
        others,
        index=others.index(second) if second in others else 0,
        format_func=lambda name: _source(name, runs) if name else "no other run",
        key=key("with"),
        help="A second run in the same figure, for example explicit against exact.",
        width=250,
    )
    for name in [chosen, *([other] if other else [])]:
        if runs[name].status != "ended":
            _instruments(runs[name], named=bool(other))
    choice.leave({"view": "time", "run": chosen, "with": other})
    return Choice("time", runs[chosen], runs.get(other), None)


def _instruments(run: Run, named: bool) -> None:
    """Let a live run record more, less or nothing of its layers."""
    st.segmented_control(
        f"Instruments, {run.name or run.id}" if named else "Instruments",
        TIERS,
        default=choice.settings(run, "mlp").instruments.tier,
        required=True,
        key=key(f"tier.{run.id}"),
        on_change=acting.switch_instruments,
        args=(run.id,),
        help="What the run records of its layers from now on. cheap costs at most 3 % of the time "
        "of a step; full adds what needs spectra and costs at most 15 %.",
    )


def _slider(label: str, name: str, grid: list[float], default: float, words: str) -> float:
    start = choice.number(name, default)
    options = sorted({*grid, start, default})
    kept = st.session_state.get(key(name))
    if kept is not None and kept not in options:
        options = sorted([*options, kept])
    return st.select_slider(
        label,
        options,
        value=start,
        format_func=exact_number,
        key=key(name),
        help=words,
        width=168,
    )


def _forget_steps() -> None:
    """Take the step sizes from the newly chosen weights' settings."""
    choice.forget("tau", "eta")


def _source(name: str, runs: dict[str, Run]) -> str:
    if name in NETS:
        return NETS[name][0]
    run = runs[name]
    state = "" if run.status == "ended" else f" · {run.status}"
    return f"{run.name or run.id}{state}"
