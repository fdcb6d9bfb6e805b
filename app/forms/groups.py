"""The groups of a form: data, network, the step, budget, and what stands under "More".

The step is what a lecture turns, also while a run goes on; it stands in the open. The other groups
are folded; their buttons say what is inside.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from app.components.data_upload import data_upload
from app.components.network import model_title, show_layers
from app.components.notation import as_written, count, exact_number
from app.components.step_cost import step_cost
from app.forms.fields import choose, columns, dial, field, fold, refusals, shown, text
from app.forms.settings import CHOICES, SETTINGS
from app.samples import found_in
from app.state.draft import DEFAULTS, Draft, check, check_task
from proxprop.spec.catalog.data import DATA
from proxprop.spec.catalog.models import MODELS
from proxprop.spec.catalog.optimizers import OPTIMIZERS, SOLVER_LABELS, Pairing
from proxprop.spec.config import Change, ConfigError
from proxprop.spec.settings import LIVE

COUNTS = (*range(1, 11), 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)  # CG steps on the slider
TASK = {k for k in DEFAULTS if k.startswith(("data.", "model."))} | {"batch_size"}
MACHINE = ("device", "precision", "evaluation.", "instruments.", "checkpoint.", "log")
# What a person sees only after opening "More"; η and its kin stand in the open.
MORE = (
    *(
        name
        for name in SETTINGS
        if name.startswith(("optimizer.", "direction.")) and name not in LIVE
    ),
    "devices",
    *MACHINE,
)
LIMITS = (["budget.epochs"], ["budget.seconds"])  # in two columns
SCHEDULE_FIELDS = {
    "step": ("optimizer.schedule.gamma", "optimizer.schedule.every"),
    "exponential": ("optimizer.schedule.gamma",),
    "cosine": ("optimizer.schedule.final",),
}


def data_group(draft: Draft) -> None:
    """Show the data set's settings; its name is on the button that opens them."""
    name = CHOICES["data.name"].get(draft.values["data.name"], "?")
    fold(f"Data  **{name}**", "data", partial(_data, draft))
    refusals(draft, "data.")


def _data(draft: Draft) -> None:
    field(draft, "data.name")
    spec = DATA.get(draft.values["data.name"], DATA["digits"])
    st.caption(spec.about)
    if spec.kind == "download":
        st.caption(f"Fetched once, {spec.megabytes:g} MB; needs a network the first time.")
    if spec.kind == "folder":
        _own_data(draft)
    left, right = st.columns(2)
    with left:
        size = 1000 if spec.kind == "toy" else spec.train_size
        text(draft, "data.samples", empty=count(size) if size else "all")
        field(draft, "data.split_seed")
    with right:
        field(draft, "data.validation")
        if spec.kind == "toy":
            field(draft, "data.noise")
    field(draft, "data.standardize")


def _own_data(draft: Draft) -> None:
    """Show how a person's own files are read, and what was found in them."""
    field(draft, "data.path")
    data_upload(draft)
    config = check_task(draft.values)
    for sentence in found_in(config.data) if config else ():
        st.caption(as_written(sentence))
    path = str(draft.values["data.path"] or "").casefold()
    if path.endswith((".csv", ".tsv")):
        field(draft, "data.label")
    elif not path.endswith(".npz"):
        field(draft, "data.split")
        field(draft, "data.image_size")
    field(draft, "data.damaged")


def model_group(draft: Draft) -> None:
    """Show the network's settings and its layers; its shape is on the button that opens them."""
    title = model_title(check_task(draft.values))
    fold(f"Network  **{title}**", "model", partial(_model, draft))
    refusals(draft, "model.")


def _model(draft: Draft) -> None:
    field(draft, "model.name")
    spec = MODELS.get(draft.values["model.name"], MODELS["mlp"])
    st.caption(spec.about)
    if spec.widths_free:
        field(draft, "model.widths")
    columns(draft, ["model.activation"], ["model.init"])
    field(draft, "model.bias")
    show_layers(draft.config() or check_task(draft.values))


def step_group(draft: Draft, task: Draft | None = None) -> None:
    """Show what determines one step of the weights: direction, τ, k, Gram, optimizer, η.

    Args:
        draft: What is edited.
        task: Has the data and the network, where `draft` has not.
    """
    solver, lr = draft.values["direction.solver"], draft.values["optimizer.lr"]
    choose(draft, "direction.solver", segments=True)
    if solver != "explicit":
        field(draft, "direction.tau")
    if solver == "cg":
        dial(draft, "direction.cg_steps", grid=COUNTS)
    gram = draft.values["direction.gram"]
    if solver == "exact" or (solver == "cg" and gram == "running"):
        choose(draft, "direction.gram")
    if solver == "exact" and gram != "batch":
        columns(draft, ["direction.decay"], ["direction.refresh"])
        own = {k: v for k, v in draft.values.items() if k.startswith("direction.")}
        shared = (task or draft).values
        config, _ = check({**DEFAULTS, **{k: shared[k] for k in shared if k in TASK}, **own})
        if config is not None:
            step_cost(config)
    choose(draft, "optimizer.name", options=optimizers(solver))
    if (pairing := pairing_of(draft)) is not None and pairing.support == "heuristic":
        st.caption(pairing.note)
    field(draft, "optimizer.lr")
    _offer(draft)
    fallback = lr if isinstance(lr, (int, float)) else None
    dial(draft, "optimizer.explicit_lr", fallback=fallback)


def optimizers(solver: str) -> dict[str, str]:
    """Return the optimizers that take a direction, by name, the heuristic pairings labelled so."""
    if solver not in SOLVER_LABELS:
        return CHOICES["optimizer.name"]
    support = {name: spec.pairing(solver).support for name, spec in OPTIMIZERS.items()}  # type: ignore[arg-type]
    return {
        name: f"{label} (heuristic)" if support[name] == "heuristic" else label
        for name, label in CHOICES["optimizer.name"].items()
        if support[name] != "no"
    }


def pairing_of(draft: Draft) -> Pairing | None:
    """Return what the table of pairings says of a draft's; None while it cannot be read."""
    spec, solver = OPTIMIZERS.get(draft.values["optimizer.name"]), draft.values["direction.solver"]
    return None if spec is None or solver not in SOLVER_LABELS else spec.pairing(solver)


def _offer(draft: Draft) -> None:
    offer = draft.offer
    if offer is not None and offer.lr is None:
        st.caption(offer.message)
    elif offer is not None:
        st.button(
            f"Rescale η to {exact_number(float(f'{offer.lr:.6g}'))}",
            key=f"{draft.place}offer",
            type="tertiary",
            icon=":material/swap_vert:",
            help=offer.message,
            on_click=draft.edit,
            args=("optimizer.lr", offer.lr),
        )


def budget_group(draft: Draft) -> None:
    """Show batch size, budget and seed; their values are on the button that opens them."""
    values = draft.values
    batch, seed = (as_written(str(values[name])) for name in ("batch_size", "seed"))
    title = f"Batch **{batch}**  ·  **{budget_title(values)}**  ·  seed **{seed}**"
    fold(title, "budget", partial(_budget, draft))
    refusals(draft, "batch_size", "budget.", "pace", "seed")


def _budget(draft: Draft) -> None:
    field(draft, "batch_size")
    field(draft, "budget.endless")
    if draft.values["budget.endless"] is not True:
        columns(draft, *LIMITS)
        field(draft, "budget.steps")
        st.caption("A run ends at the first of these limits it reaches.")
    field(draft, "pace")
    field(draft, "seed")


def budget_title(values: dict[str, Any]) -> str:
    """Return when a run ends, in a few words."""
    units = {"budget.epochs": "epoch", "budget.seconds": "s", "budget.steps": "step"}
    parts = [
        f"{shown('', values[name])} {unit}{'s' * (unit != 's' and values[name] != 1)}"
        for name, unit in units.items()
        if values[name] is not None
    ]
    pace = f", {shown('', values['pace'])} steps/s" if values["pace"] is not None else ""
    return ("∞" if values["budget.endless"] is True else " or ".join(parts) or "no end") + pace


def more_group(draft: Draft) -> None:
    """Show the rest: the optimizer's own settings, schedule, clipping, precision, records."""
    changes = draft.values["changes"]
    planned = f"  ·  **{len(changes)} planned**" if changes else ""
    fold(f"More{planned}", "more", partial(_more, draft))
    refusals(draft, *MORE)


def _more(draft: Draft) -> None:
    if changes := draft.values["changes"]:
        st.caption("Planned changes, replayed at their steps:")
        for change in changes:
            st.markdown(f"- step {_planned(change)}")
        st.button("Forget them", key="changes.clear", on_click=draft.edit, args=("changes", []))
    contender_fields(draft)
    machine_fields(draft, "devices")


def contender_fields(draft: Draft) -> None:
    """Show what a contender of a race, too, has of its own beyond its step sizes."""
    values = draft.values
    spec, solver = OPTIMIZERS.get(values["optimizer.name"]), values["direction.solver"]
    own = [f"optimizer.{name}" for name in spec.fields] if spec else []
    own += ["optimizer.weight_decay", "optimizer.clip_norm"]
    columns(draft, own[::2], own[1::2])
    if spec and spec.partner:
        st.caption(spec.pairing("exact").note)
    columns(draft, ["optimizer.schedule.name"], ["optimizer.schedule.warmup"])
    schedule = SCHEDULE_FIELDS.get(values["optimizer.schedule.name"], ())
    columns(draft, schedule[::2], schedule[1::2])
    columns(
        draft,
        ["direction.layers"] if solver != "explicit" else [],
        ["direction.cg_rtol"] if solver == "cg" else [],
    )


def machine_fields(draft: Draft, *more: str) -> None:
    """Show where it computes, and how often it measures and saves; and what a run alone has."""
    columns(
        draft,
        ["precision", "instruments.tier", "evaluation.every", "log", *more],
        ["device", "instruments.every", "checkpoint.seconds", "checkpoint.along"],
    )
    field(draft, "evaluation.train")


def _planned(raw: Any) -> str:
    try:
        change = Change.parse(raw)
    except (ConfigError, TypeError):
        return "?"
    settings = {control: SETTINGS[name] for name, control in LIVE.items()}
    parts = []
    for control, value in change.values.given().items():
        if control == "solver":
            parts.append(SOLVER_LABELS[str(value)].replace("CG k", "CG"))
        elif control == "gram":
            parts.append(f"{settings[control].label} {CHOICES['direction.gram'][str(value)]}")
        else:
            number = exact_number(value) if isinstance(value, float) else value
            parts.append(f"{settings[control].label} {number}")
    return f"{count(change.step)}: {', '.join(parts)}"
