"""The report itself, as text of one HTML file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

import plotly.graph_objects as go

from app.charts.parallel import parallel
from app.charts.theme import template
from app.components.machine import machine
from app.components.notation import duration, number
from app.components.run_titles import data_of, names_of, state_of
from app.components.side_by_side import axes, differences, results, sides
from app.report.figures import charts
from proxprop.runs.reading import Reading
from proxprop.runs.record import Run
from proxprop.runs.replay import marks_of, replayable
from proxprop.spec.config import ConfigError

PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.45 system-ui, sans-serif; color: #1f2328; background: #fff;
  max-width: 1000px; margin: 2rem auto; padding: 0 1rem; font-variant-numeric: tabular-nums; }}
h1 {{ margin: 0; }} h2 {{ margin: 2rem 0 .5rem; font-size: 1.15rem; }}
p {{ margin: .3rem 0; }} .scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .9rem; }}
th, td {{ text-align: right; padding: .3rem .8rem .3rem 0; vertical-align: top;
  border-bottom: 1px solid #d0d4d9; }}
th:first-child, td:first-child {{ text-align: left; }} thead th {{ font-weight: 600; }}
pre {{ background: #f5f6f8; padding: .8rem; overflow-x: auto; font-size: .8rem; }}
@media print {{ details > * {{ display: block; }} }}
</style></head><body>
<h1>{title}</h1>
<p>{made}</p>
{parts}
</body></html>
"""
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["zoom2d", "resetScale2d"]]}


def report(store: Reading, runs: Sequence[Run], now: datetime | None = None) -> str:
    """Return the report on these runs and races.

    Args:
        store: Where their points are.
        runs: In the order in which they are shown.
        now: When it is made.
    """
    lines = sides(store, runs)
    names = names_of(runs)
    made = f"Made {now or datetime.now():%Y-%m-%d %H:%M} with {machine()}."
    drawn = [*_drawn(charts(store, lines))]
    parts = [*drawn]
    if lines:
        columns = [
            ("", [line.label for line in lines]),
            *results(lines),
            ("epochs", [number(line.run.epoch) for line in lines]),
            ("training time", [duration(line.run.seconds) for line in lines]),
        ]
        rows = zip(*(texts for _, texts in columns))
        parts += ["<h2>Numbers</h2>", _table([head for head, _ in columns], rows)]
    if len(lines) > 1:
        heads = ["", *(line.label for line in lines)]
        differing = ([name, *values] for name, values in differences([x.config for x in lines]))
        parts += ["<h2>Where the settings differ</h2>", _table(heads, differing)]
        looks = [(escape(line.label), line.style) for line in lines]
        parts += ["<h2>Settings and results, a line a run</h2>"]
        figure = parallel(axes(lines), looks)
        figure.update_layout(template=template(dark=False), autosize=True)
        parts += [*_drawn([figure], first=not drawn)]
    parts += ["<h2>Where and when</h2>", _table(ABOUT, (_about(run, names) for run in runs))]
    for run in runs:
        parts += _settings(store, run, names[run.id])
    title = names[runs[0].id] if len(runs) == 1 else f"ProxProp: {len(runs)} runs"
    return PAGE.format(title=escape(title), made=escape(made), parts="\n".join(parts))


def _drawn(figures: Iterable[go.Figure], first: bool = True) -> Iterable[str]:
    """Return charts as HTML; the first one brings Plotly's script along."""
    for figure in figures:
        yield figure.to_html(full_html=False, include_plotlyjs=first, config=CONFIG)
        first = False


ABOUT = ["", "id", "state", "data", "computed on", "versions", "started"]


def _about(run: Run, names: dict[str, str]) -> list[str]:
    begun = run.started_info
    versions = begun.versions.items() if begun else ()
    try:
        data = data_of(run.config)
    except ConfigError:
        data = ""
    return [
        names[run.id],
        run.id,
        f"{state_of(run)} {run.words}".strip(),
        data,
        begun.device if begun else "–",
        ", ".join(f"{name} {version}" for name, version in versions) or "–",
        f"{datetime.fromtimestamp(run.created):%Y-%m-%d %H:%M}",
    ]


def _settings(store: Reading, run: Run, name: str) -> Iterable[str]:
    """Return what a person wrote about a run, what was changed as it went on, and its config."""
    yield f"<h2>{escape(name)}</h2>"
    if run.tags or run.notes:
        yield f"<p>{escape(' '.join([run.notes, *(f'#{tag}' for tag in run.tags)]))}</p>"
    marks = marks_of(store, run.id)
    changes = [f"step {mark.step}: {mark.label}" for mark in marks if mark.kind == "set"]
    if changes:
        yield f"<p>Changed as it went on: {escape('; '.join(changes))}.</p>"
    try:
        config = replayable(store, run).model_dump(mode="json")
    except ConfigError:  # of another version: as it was written
        config = json.loads(run.config_json)
    text = json.dumps(config, indent=2, ensure_ascii=False)
    yield f"<details><summary>Settings (JSON)</summary><pre>{escape(text)}</pre></details>"


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th scope=col>{escape(text)}</th>" for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'
