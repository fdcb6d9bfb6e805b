"""Times of day as trackers write them, in seconds."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from proxprop.imported.curves import as_number


def as_moment(cell: object) -> float:
    """Return seconds since 1970 of a number of them or of an ISO time; NaN where it is neither."""
    if (number := as_number(cell)) is not None:
        return number
    try:
        moment = datetime.fromisoformat(str(cell))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return math.nan
