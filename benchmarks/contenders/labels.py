"""The naive times that files print, as a table that a hand-written script joins with.

What does not belong here: times that the clocks skip or repeat; the script sees to those itself.
"""

from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from meter_platform.settlement import HALF_HOUR, INSTANT, day_start

_DAY: Final = timedelta(days=1)


def label_table(first: date, last: date, zone: ZoneInfo) -> pa.Table:
    """Every naive label that names exactly one half hour of the local days from `first` to `last`.

    Returns:
        label timestamp[us] (naive), interval_start timestamp[us, UTC], reference_date date32; sorted by time.
    """
    begin, end = day_start(first, zone), day_start(last + _DAY, zone)
    starts = pd.date_range(begin, end, freq=HALF_HOUR, inclusive="left", unit="us")
    labels = starts.tz_convert(zone).tz_localize(None)
    # A label is repeated by the half hours around it, two of which may lie just outside the range.
    margin = pd.date_range(begin - _DAY, end + _DAY, freq=HALF_HOUR, unit="us").tz_convert(zone).tz_localize(None)
    repeated = margin[margin.duplicated()]
    plain = ~labels.isin(repeated)
    local_days = starts.tz_convert(zone).tz_localize(None).normalize()
    return pa.table(
        {
            "label": pa.array(labels[plain], pa.timestamp("us")),
            "interval_start": pa.array(starts[plain], INSTANT),
            "reference_date": pa.array(local_days[plain]).cast(pa.date32()),
        }
    )
