"""Several contenders on one task, under equal conditions, in one worker.

`proxprop.engine.racing.race` carries out a `RaceConfig` as a loop of events (kind "race" of the
run store). Contenders share initial weights, batches and data per seed and advance in turns of some
5 ms of training each, so that curves grow together and a busy machine is busy for all of them; each
has a clock of its own that runs only while it trains. The first seed is raced to its end, then the
next.

How a race is stored
--------------------
A *member* is one contender with one seed: ``member = seed_index * contenders + contender``, so the
first seed's members are 0, 1, …, the contenders in order. `member_of` and `place_of` convert.
Each member has what a single run has, under its own number:

- Points of the tables "steps", "evaluations", "settings" (and "layers", if instruments are on):
  ``store.points(run_id, "evaluations", member)``, series "<member>/evaluations/train_loss".
- One `Started` when its seed's turn comes, marks (a member that diverges gets a `Mark` of kind
  "diverged" at once), and one `Ended` as soon as it is through; the last `Ended` of a member
  counts, since a stopped race may have been resumed.
- Artifacts "confusion", "predictions" or "boundary"; "samples" with member 0 only, the data being
  the same for all.

Of the race as a whole there are

- artifact **"search"** (member 0), where the config asks for one: every trial's settings and
  result and each contender's winner, replaced as trials end; its `step` is the number of trials
  done. The layout is `SearchPayload`. Trials leave no points. `as_raced(config, payload)` returns
  the config with the winners' settings, which is what is raced;
- one `Ended` of member −1, whose words and summary speak for the race: the contender with the
  lowest final loss (`summary["contender"]`), its final values averaged over seeds, and how many
  members `diverged`;
- in the run's own row: `step` and `seconds` summed over all members, so that its ETA is that of the
  whole race, and the largest epoch.

`step` of a snapshot is that sum too, and its `member_steps` lists every member (−1: not begun).

`rows` computes the table of a race, finished or not (`proxprop.runs.results.race_table` of a stored
one). Nothing here loads torch.
"""

from proxprop.spec.racing.contenders import (
    labels,
    members_of,
    place_of,
    race_labels,
)
from proxprop.spec.racing.presets import RACE_PRESETS, RacePreset, default_race
from proxprop.spec.racing.search import SearchPayload, as_raced
from proxprop.spec.racing.table import Row, as_frame, rows

__all__ = [
    # members and their names
    "members_of",
    "place_of",
    "labels",
    "race_labels",
    # configs to start from
    "default_race",
    "RACE_PRESETS",
    "RacePreset",
    # the search
    "as_raced",
    "SearchPayload",
    # the table
    "rows",
    "as_frame",
    "Row",
]
