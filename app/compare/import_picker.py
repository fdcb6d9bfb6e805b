"""The menu below the race that imports curves from files, and takes them away again."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import streamlit as st

from app.compare.imported import MOST, Imported, drawn_imports, imports
from app.compare.quantities import QUANTITIES
from app.compare.state import RaceState, Shown
from app.components.notation import as_written
from app.edge.uploads import UPLOADS, let_go
from app.permits import NotPermitted, permit, this_role
from app.state.telling import show_value
from proxprop.imported import MAX_MEGABYTES, ExportError, ImportedRun, read_export

PLACE = "race.import"  # prefix of keys
ROUND = f"{PLACE}.round"  # a new number empties the uploader
PROBLEM = f"{PLACE}.problem"  # why the last file was refused
MOST_KEPT = 20
NOT_RACED = (
    "Imported curves were not raced here: other data, networks, batches and machines may stand "
    "behind them. They stay as long as this visit; a link does not carry them."
)
CLOCKS = {
    "training": "its seconds are training time",
    "wall": "its seconds are the clock on the wall since its first record, evaluations and all",
    "": "it tells no seconds",
}


def import_picker(state: RaceState) -> None:
    """Let a person send a file, say what its metrics are, and take its curves away again."""
    icon, several = ":material/upload_file:", imports()
    with st.popover("Import curves", key=PLACE, icon=icon, on_change="rerun") as group:
        if not group.open:
            return
        if this_role() != "presenter":
            st.caption("Only the presenter imports curves.")
            return
        _uploader()
        if several:
            _chosen(several)
            for number, (key, each) in enumerate(several.items()):
                if each.drawn:
                    _settings(f"{PLACE}.{number}", key, each, state.quantity)
            st.button(
                "Remove all imported curves",
                key=f"{PLACE}.clear",
                icon=":material/close:",
                on_click=imports().clear,
            )
        st.caption(NOT_RACED)


def _uploader() -> None:
    UPLOADS.permit()
    key = f"{PLACE}.file.{st.session_state.setdefault(ROUND, 0)}"
    st.file_uploader(
        "A file that another tool, or ProxProp, exported",
        max_upload_size=MAX_MEGABYTES,
        key=key,
        help="An event file of TensorBoard, a project file (.db) of trackio, a history of Weights "
        "& Biases as CSV or JSON, any table with a column of steps, or a CSV from here: at most "
        f"{MAX_MEGABYTES} MB.",
        on_change=_take,
        args=(key,),
    )
    if problem := st.session_state.get(PROBLEM):
        with st.container(key="refusal-import"):
            st.markdown(f":material/error: {as_written(problem)}.")


def _take(key: str) -> None:
    sent = st.session_state[key]
    if sent is None:
        return
    st.session_state[ROUND] += 1
    st.session_state[PROBLEM] = ""
    name, content = sent.name, sent.getvalue()
    let_go(sent)  # or the next file would be refused
    try:
        permit("import curves")
        _keep(read_export(name, content), sha256(content).hexdigest()[:12])
    except (ExportError, NotPermitted) as error:
        st.session_state[PROBLEM] = str(error).removesuffix(".")


def _keep(runs: Sequence[ImportedRun], digest: str) -> None:
    """Take runs beside what is kept; a file sent again takes the place it had."""
    before = imports()
    others = {key for key in before if not key.startswith(f"{digest}-")}
    if len(others) + len(runs) > MOST_KEPT:
        raise ExportError(
            f"The file holds {len(runs)} runs, and with those imported before they would be more "
            f"than {MOST_KEPT}; remove some first"
        )
    for key in before.keys() - others:
        del before[key]
    room = MOST - len(drawn_imports())
    for index, run in enumerate(runs):
        before[f"{digest}-{index}"] = Imported.of(run, drawn=index < room)
    state = RaceState.current()
    curves = [curve for each in drawn_imports() if (curve := each.curve(state.quantity))]
    if curves and not any(curve.has(state.axis) for curve in curves):
        state.change(axis="step")  # or nothing of the file would be seen


def _chosen(several: dict[str, Imported]) -> None:
    key = f"{PLACE}.drawn"
    show_value(key, [each for each, imported in several.items() if imported.drawn])
    st.multiselect(
        "On the chart",
        list(several),
        format_func=lambda each: f"{several[each].run.name}  ·  {several[each].run.source}",
        max_selections=MOST,
        key=key,
        help="At most four at once; what is taken off the chart stays in this list.",
        on_change=_draw,
        args=(key,),
    )


def _draw(key: str) -> None:
    for each, imported in imports().items():
        imported.drawn = each in st.session_state[key]


def _settings(place: str, key: str, each: Imported, measure: Shown) -> None:
    """Ask what the file does not say: which metric is meant, and how long an epoch is."""
    widget, name = f"{place}.{measure}", as_written(each.run.name)
    show_value(widget, each.metrics[measure])
    st.selectbox(
        f"{QUANTITIES[measure].name.capitalize()} of {name}",
        ["", *each.run.curves],
        format_func=lambda metric: metric or "none of its metrics",
        key=widget,
        on_change=_set_metric,
        args=(key, measure, widget),
    )
    words = [CLOCKS[each.run.clock], "in percent in the file" * each.in_percent(measure)]
    st.caption(f"From {as_written(each.run.source)}; {'; '.join(filter(None, words))}.")
    if each.curve(measure) is None or each.tells_epochs(measure):
        return
    widget = f"{place}.steps"
    show_value(widget, each.epoch_steps)
    st.number_input(
        f"Steps in an epoch of {name}",
        min_value=1,
        max_value=10**9,
        step=1,
        placeholder="the file does not say",
        key=widget,
        help="The file counts steps only; with this it is drawn by epoch, too.",
        on_change=_set_steps,
        args=(key, widget),
    )


def _set_metric(key: str, measure: Shown, widget: str) -> None:
    if (each := imports().get(key)) is not None:
        each.metrics[measure] = st.session_state[widget]


def _set_steps(key: str, widget: str) -> None:
    if (each := imports().get(key)) is not None:
        steps = st.session_state[widget]
        each.epoch_steps = None if steps is None else int(steps)
