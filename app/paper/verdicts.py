"""Claim by claim: what the paper says, what was measured, on what, and what that makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from app.paper.choice import Choice
from app.paper.recordings import Library
from proxprop.paper.claims import CLAIMS, Assessment, assess

VERDICTS = {
    "confirmed": "✓ confirmed",
    "partly": "◐ partly",
    "not confirmed": "✕ not confirmed",
    "not measured": "– not measured",
}
OURS = "ours"
# Claims of these experiments are read beside each other: the controls belong to the main claims.
BESIDE = {
    "mlp": ("mlp-main", "mlp-controls"),
    "mlp-controls": ("mlp-controls", "mlp-main"),
}
PLACES = {claim.key: claim.place for claim in CLAIMS}


def assessments(choice: Choice, found: Library) -> tuple[Assessment, ...]:
    """Return what the recordings like the one shown (its scale, its origin) say of every claim."""
    recording = choice.recording
    if recording is None:
        return assess((), "full")
    return assess(found.results(here=recording.here), recording.result.scale)


def about(experiment: str, all_claims: Sequence[Assessment]) -> list[Assessment]:
    """Return the claims that an experiment is about, its own first, then its controls."""
    main = experiment if "-" in experiment else f"{experiment}-main"
    places = BESIDE.get(experiment, (main,))
    return [one for place in places for one in all_claims if PLACES.get(one.key) == place]


def summary(all_claims: Sequence[Assessment]) -> str:
    """Return how many of the paper's claims came out how; those that did not are named."""
    papers = [one for one in all_claims if not one.source.startswith(OURS)]
    counts = Counter(one.verdict for one in papers)
    parts = [
        f"**{counts[verdict]}** {verdict}"  # type: ignore[index]
        for verdict in VERDICTS
        if counts[verdict]  # type: ignore[index]
    ]
    words = f"Of the paper's {len(papers)} claims, on this scale: {', '.join(parts)}."
    for whose, claims in (("", papers), (" of ours", [c for c in all_claims if c not in papers])):
        against = [one.statement.rstrip(".") for one in claims if one.verdict == "not confirmed"]
        if against:
            words += f" Not confirmed{whose}: {'; '.join(against)}."
    return words


def html(shown: Sequence[Assessment]) -> str:
    """Return the table."""
    heads = ("what is claimed", "what we measured", "on what", "verdict")
    head = "".join(f"<th>{words}</th>" for words in heads)
    rows = "".join(
        f'<tr data-claim="{one.key}"><td><strong>{escape(one.statement)}</strong>'
        f"<br><small>{escape(one.source)}</small></td>"
        f"<td>{escape(one.measured)}</td><td>{escape(one.basis)}</td>"
        f'<td class="verdict">{VERDICTS[one.verdict]}</td></tr>'
        for one in shown
    )
    return f'<div class="paper-claims"><table><tr>{head}</tr>{rows}</table></div>'
