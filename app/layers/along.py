"""The layers' measures along runs: small multiples, live and for finished runs alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import streamlit as st

from app.charts.theme import DARK_LINES, OCHRE, line_style
from app.components.layer_metrics import layers_of
from app.layers.choice import Choice, key, lecture, remember, tiers
from app.live.assets import plotly_url
from app.live.chart import Trace
from app.live.component import mount
from app.live.status import live_status
from proxprop.runs.record import Run
from proxprop.spec.config import RunConfig

CAPTION = (
    "Overshoot is the share left over of the change asked of a layer's output Z: it speaks of the "
    "layer's own subproblem, not of training as a whole."
)
PANEL, FRAME = 160, 96  # pixels: one row of panels, what surrounds them
STATUS = 48  # pixels that the status of a live run takes; two rows stay above the fold
DASHES = ("solid", "longdash")
MATCHED_DASHES = ("dash", "dot")


@dataclass(frozen=True)
class Row:
    """One measure, drawn for every layer.

    Attributes:
        name: What a person picks.
        title: Of the vertical axis, with symbol.
        columns: Measures drawn together.
        log: Whether the axis is logarithmic.
        full: Whether only the full tier records it.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    log: bool = True
    full: bool = False


ROWS = {
    "overshoot": Row("Overshoot", "share left over", ("overshoot", "overshoot_explicit")),
    "update": Row("Update", "‖ΔΘ‖ / ‖Θ‖", ("update",)),
    "cosine": Row("Cosine", "cos∠(D, G)", ("cosine",), log=False),
    "residual": Row("Residual", "‖r‖ / ‖G‖", ("residual",)),
    "norm": Row("Length of D", "‖D‖", ("norm",)),
    "dead": Row("Idle units", "share of units", ("dead",), log=False),
    "seconds": Row("Solve time", "t [s]", ("seconds",)),
    "condition": Row("Condition", "κ(S)", ("condition",), full=True),
    "bound": Row("Angle bound", "bound on cos", ("bound",), log=False, full=True),
    "top_energy": Row("Top energy", "share of ‖Δ‖²", ("top_energy",), log=False, full=True),
}
FIRST = ("overshoot", "update")


def along(choice: Choice) -> None:
    """Show the small multiples of one run or two."""
    if choice.run is None:
        st.info("No run yet. Start one on the Train page; its layers appear here as it goes on.")
        return
    runs = [choice.run, *([choice.other] if choice.other else [])]
    labels = _labels(runs)
    _status(runs, labels)
    chosen = _measures()
    seen = set().union(*map(tiers, runs))
    if seen == {"off"}:
        live = any(run.status != "ended" for run in runs)
        where = "above" if live else "under More on the Train page, before the next run"
        st.info(f"Nothing of the layers is recorded: instruments are off. Switch them on {where}.")
        return
    if not chosen:
        st.info("Choose a measure above.")
        return
    multiples(runs, labels, chosen)
    if any(ROWS[name].full for name in chosen) and "full" not in seen:
        st.caption("Some of these measures are recorded only while instruments are full.")
    st.caption(CAPTION)


def _status(runs: list[Run], labels: list[str]) -> None:
    """Show how those runs stand that go on."""
    live = [(run.id, label) for run, label in zip(runs, labels) if run.status != "ended"]
    if live:
        names = [label for _, label in live] if len(runs) > 1 else None
        live_status([run_id for run_id, _ in live], key="layers-status", labels=names)


def _measures() -> list[str]:
    """Show the measures to choose from; they are in the link."""
    asked = [name for name in st.query_params.get("measures", "").split(".") if name in ROWS]
    chosen = st.pills(
        "Measures",
        list(ROWS),
        format_func=lambda name: ROWS[name].name,
        default=asked or list(FIRST),
        selection_mode="multi",
        key=key("measures"),
        label_visibility="collapsed",
    )
    told = [name for name in ROWS if name in chosen]
    remember("measures", "" if told == list(FIRST) else ".".join(told))
    return told


def multiples(runs: list[Run], labels: list[str], rows: list[str]) -> None:
    """Draw one panel for each measure and layer, axes shared."""
    layers = list(dict.fromkeys(name for run in runs for name in _layers(run)))
    panels = [
        {
            "row": index,
            "layer": layer,
            "traces": [asdict(trace) for trace in _traces(runs, labels, ROWS[name].columns, layer)],
        }
        for index, name in enumerate(rows)
        for layer in layers
    ]
    live = any(run.status != "ended" for run in runs)
    height = FRAME + PANEL * max(2, len(rows)) - (STATUS * max(2, len(rows)) // 2 if live else 0)
    data = {
        "plotly": plotly_url(),
        "rows": [{"title": ROWS[name].title, "log": ROWS[name].log} for name in rows],
        "layers": layers,
        "panels": panels,
        "height": int(height),
        "lecture": lecture(),
        "darkLines": DARK_LINES,
        "empty": "The measures appear here once the run has recorded them.",
    }
    mount("multiples", data, key="multiples", height=int(height))


def _traces(
    runs: list[Run], labels: list[str], columns: tuple[str, ...], layer: str
) -> list[Trace]:
    found = []
    for run, label, own, matched in zip(runs, labels, DASHES, MATCHED_DASHES):
        color = _color(run)
        for column in columns:
            explicit = column.endswith("_explicit")
            name = f"{label}, explicit step with s = τ" if explicit else label
            found.append(
                Trace(
                    run.id,
                    f"0/layers/{column}/{layer}",
                    name,
                    OCHRE if explicit else color,
                    matched if explicit else own,
                    width=2.0,
                )
            )
    return found


def _color(run: Run) -> str:
    config = run.config
    assert isinstance(config, RunConfig)
    return line_style(config.direction.solver, config.optimizer.name).color


def _labels(runs: list[Run]) -> list[str]:
    names = [run.name or run.id for run in runs]
    if len(set(names)) < len(names):
        names = [f"{name} ({run.id})" for name, run in zip(names, runs)]
    return names


def _layers(run: Run) -> tuple[str, ...]:
    config = run.config
    assert isinstance(config, RunConfig)
    return layers_of(run, config)[0]
