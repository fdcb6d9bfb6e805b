"""The picture on the page: drawn in the browser with the chart library it has loaded already."""

from __future__ import annotations

from app.charts.theme import DARK_LINES
from app.live.assets import plotly_url
from app.live.component import mount
from app.paper.picture import CURVES, Picture, training_picture
from app.paper.recordings import Recording, title
from app.paper.study import batch_picture, stability_picture
from proxprop.paper.result import AnyResult, StabilityResult

HEIGHT, FILL = 330, 372  # pixels at least; what the rest of the first screen takes
TALLER = 90  # pixels more that large type takes from the picture
NOTHING = (
    "Nothing is recorded of this experiment yet. "
    "Record it here in a terminal: proxprop paper --scale laptop"
)
BEGUN = "The first numbers come with the first epoch."


def picture_of(result: AnyResult) -> Picture:
    """Return the picture that suits a result."""
    if isinstance(result, StabilityResult):
        return stability_picture(result)
    return batch_picture(result) if result.experiment == "batch" else training_picture(result)


def show(
    experiment: str, recording: Recording | None, picture: Picture | None, *, lecture: bool
) -> None:
    """Draw `picture`; an empty one says what to do."""
    name = f"{experiment}-{recording.name}" if recording is not None else experiment
    drawn = picture or Picture(CURVES, ())
    data = {
        **drawn.as_data(),
        "plotly": plotly_url(),
        "darkLines": DARK_LINES,
        "shown": name,
        "file": f"paper-{name}",
        "title": title(recording.result) if recording is not None else "",
        "height": HEIGHT,
        "fill": FILL + TALLER * lecture,
        "lecture": lecture,
        "empty": NOTHING if recording is None else BEGUN,
    }
    mount("panels", data, key="paper-picture", height=None)
