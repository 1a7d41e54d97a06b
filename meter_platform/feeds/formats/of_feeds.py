"""The formats that a feed may name, each with the keys that its feeds have.

What belongs here: the list. What does not: any format.
"""

from typing import Final, get_args

from meter_platform.feeds.feed import Feed
from meter_platform.feeds.formats.csv_days import CsvDaysFeed
from meter_platform.feeds.formats.csv_rows import CsvRowsFeed
from meter_platform.feeds.formats.green_button import GreenButtonFeed
from meter_platform.feeds.formats.interval_json import N3rgyFeed, OctopusFeed
from meter_platform.feeds.formats.json_feed import JsonFeed
from meter_platform.feeds.formats.nem12 import Nem12Feed
from meter_platform.feeds.formats.parquet import ParquetFeed

_FEEDS: Final[list[type[Feed]]] = [
    JsonFeed,  # the document of above, of any unit, label and interval
    CsvRowsFeed,  # a line a reading
    CsvDaysFeed,  # a line a day
    Nem12Feed,  # records of 100 to 900
    ParquetFeed,  # a row a reading
    OctopusFeed,  # pages of an interval API
    N3rgyFeed,  # answers of another
    GreenButtonFeed,  # ESPI XML
]
"""What feeds there may be, one class for each format."""


def kinds() -> dict[str, type[Feed]]:
    """The formats that a feed may name, each with the class of its feeds."""
    return {get_args(kind.model_fields["format"].annotation)[0]: kind for kind in _FEEDS}
