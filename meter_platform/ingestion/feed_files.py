"""What is known of the files of each feed.

What belongs here: the question, asked of the catalogue. What does not: showing it (`cli/feeds.py`).
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.rules_in_force import RulesInForce
from meter_platform.settings import Settings
from meter_platform.warehouse import tables
from meter_platform.warehouse.sessions import Session

_COUNTS = """
SELECT feed, count(*), coalesce(sum(rows_in_file), 0)::bigint, max(delivered_at), count(*) FILTER (WHERE outcome <> 'read')
FROM (SELECT {feed} AS feed, version.* FROM {versions} AS version
      WHERE NOT EXISTS (SELECT FROM {versions} AS newer
                        WHERE newer.url = version.url AND newer.delivered_at > version.delivered_at)) AS newest
GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class FeedFiles:
    """The files of a feed, each in its newest version.

    Attributes:
        files: how many are known.
        rows: in them.
        newest: when the newest was delivered; `None` where there is none.
        quarantined: how many are.
    """

    files: int = 0
    rows: int = 0
    newest: datetime | None = None
    quarantined: int = 0


def files_of_feeds(session: Session, settings: Settings, folder: ReadingFolder) -> dict[str | None, FeedFiles]:
    """The known files of each feed that has any, by its name.

    Those that no feed takes any more are by `None`; without feeds all are.

    Args:
        session: with the catalogue.
        settings: of the platform.
        folder: with the feeds.
    """
    rows = session.fetch(
        sql.SQL(_COUNTS).format(
            feed=RulesInForce(settings, folder).feed_name(sql.Identifier("version", "url")),
            versions=tables.SOURCE_FILE_VERSIONS.identifier,
        )
    )
    return {name: FeedFiles(*counts) for name, *counts in rows}
