"""Claim by claim: what the paper says, what was measured, on what, and what that makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from app.paper.recordings import Library, Recording
from proxprop.paper.claims import Assessment, assess

VERDICTS = {
    "confirmed": "✓ confirmed",
    "partly": "◐ partly",
    "not confirmed": "✕ not confirmed",
    "not measured": "– not measured",
}
# Claims of these experiments are read beside each other: the controls belong to the main claims.
BESIDE = {
    "mlp": ("mlp-main", "mlp-controls"),
    "mlp-controls": ("mlp-controls", "mlp-main"),
}
TABLE = """\
<div class="paper-claims"><table>
<tr><th>what is claimed</th><th>what we measured</th><th>on what</th><th>verdict</th></tr>
{rows}</table></div>"""
ROW = """\
<tr data-claim="{key}"><td><strong>{statement}</strong><br><small>{source}</small></td>
<td>{measured}</td><td>{basis}</td><td class="verdict">{verdict}</td></tr>
"""


def assessments(recording: Recording | None, library: Library) -> tuple[Assessment, ...]:
    """Return what the recordings like the one shown (its scale, its origin) say of every claim."""
    if recording is None:
        return assess((), "full")
    return assess(library.results(here=recording.here), recording.result.scale)


def about(experiment: str, assessed: Sequence[Assessment]) -> list[Assessment]:
    """Return the claims that an experiment is about, its own first, then its controls."""
    main = experiment if "-" in experiment else f"{experiment}-main"
    places = BESIDE.get(experiment, (main,))
    return [each for place in places for each in assessed if each.claim.place == place]


def summary(assessed: Sequence[Assessment]) -> str:
    """Return how many of the paper's claims came out how; those that did not are named."""
    ours = [each for each in assessed if each.claim.source.startswith("ours")]
    papers = [each for each in assessed if each not in ours]
    counts = Counter[str](each.verdict for each in papers)
    parts = [f"**{counts[verdict]}** {verdict}" for verdict in VERDICTS if counts[verdict]]
    text = f"Of the paper's {len(papers)} claims, on this scale: {', '.join(parts)}."
    for whose, group in (("", papers), (" of ours", ours)):
        against = [e.claim.statement.rstrip(".") for e in group if e.verdict == "not confirmed"]
        if against:
            text += f" Not confirmed{whose}: {'; '.join(against)}."
    return text


def html(assessed: Sequence[Assessment]) -> str:
    """Return the table."""
    rows = []
    for each in assessed:
        words = {**vars(each.claim), **vars(each), "verdict": VERDICTS[each.verdict]}
        rows.append(ROW.format_map({name: escape(str(text)) for name, text in words.items()}))
    return TABLE.format(rows="".join(rows))
