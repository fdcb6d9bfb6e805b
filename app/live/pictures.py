"""What the network sees, live: decision boundary, predictions, confusion matrix."""

from __future__ import annotations

from app.charts.theme import CLASS_COLORS
from app.live.component import mount


def _picture(kind: str, run: str | None, key: str, height: int, empty: str, member: int) -> None:
    data = {
        "run": run,
        "member": member,
        "artifact": kind,
        "height": height,
        "empty": empty,
        "classColors": CLASS_COLORS,
    }
    mount(kind, data, key=key, height=height)


def live_boundary(run: str | None, key: str, *, height: int = 380, member: int = 0) -> None:
    """Draw how the network divides the plane, with the samples on top (2-D data)."""
    empty = "The decision boundary appears here once the run has started."
    _picture("boundary", run, key, height, empty, member)


def live_predictions(run: str | None, key: str, *, height: int = 200, member: int = 0) -> None:
    """Show a few validation images with the network's probabilities (images)."""
    empty = (
        "Predictions on a few validation images appear here once the run has started; a table of "
        "numbers has none."
    )
    _picture("predictions", run, key, height, empty, member)


def live_confusion(run: str | None, key: str, *, height: int = 380, member: int = 0) -> None:
    """Show which class is taken for which, after an evaluation."""
    empty = "The confusion matrix appears here when the run ends."
    _picture("confusion", run, key, height, empty, member)
