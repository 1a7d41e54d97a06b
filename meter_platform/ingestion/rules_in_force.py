"""Under which rules each file would be read today, in Python and in SQL: those of the feed that takes it.

What belongs here: from a file's URL to a digest of its rules. What does not: what is in the digest
(`feeds/reading_rules.py`), and reading files again (`reread.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import sql

from meter_platform.feeds.feed import Feed
from meter_platform.feeds.files import ListedFile, ReadingFolder
from meter_platform.feeds.reading_rules import judging_rules, reading_rules
from meter_platform.settings import Settings


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """The rules of today.

    Attributes:
        settings: of the platform.
        folder: where the files are, and which feeds they are of.
    """

    settings: Settings
    folder: ReadingFolder

    def of(self, file: ListedFile) -> str:
        """`reading_rules` of a file that a feed takes."""
        named = self.folder.feeds.named
        taken = self.folder.taking(file) if named is not None else None
        return reading_rules(self.settings, named[taken.feed] if named is not None and taken else None)

    def reading(self, url: sql.Composable) -> sql.Composable:
        """SQL for the `reading_rules` of a file, by its URL; null for one that no feed takes any more."""
        return self._by_feed(url, reading_rules)

    def judging(self, url: sql.Composable) -> sql.Composable:
        """SQL for the `judging_rules` of a file, by its URL; null for one that no feed takes any more."""
        return self._by_feed(url, judging_rules)

    def feed_name(self, url: sql.Composable) -> sql.Composable:
        """SQL for the name of a file's feed, by its URL; null where no feed takes it, and without feeds."""
        if self.folder.feeds.named is None:
            return sql.SQL("NULL")
        return self._cases(url, {name: name for name in self.folder.feeds.named or {}})

    def _by_feed(self, url: sql.Composable, rules: Callable[[Settings, Feed | None], str]) -> sql.Composable:
        named = self.folder.feeds.named
        if named is None:
            return sql.Literal(rules(self.settings, None))
        return self._cases(url, {name: rules(self.settings, feed) for name, feed in named.items()})

    def _cases(self, url: sql.Composable, of_feeds: dict[str, str]) -> sql.Composable:
        """SQL for what belongs to the first feed that takes a file."""
        named = self.folder.feeds.named or {}
        begin = len(f"{self.folder.url_of(self.folder.root)}/") + 1
        cases = [
            sql.SQL("WHEN {path} ~ {pattern} THEN {found}").format(
                path=sql.SQL("substr({}, {})").format(url, sql.Literal(begin)),
                pattern=sql.Literal(pattern.regular_expression),
                found=sql.Literal(of_feeds[name]),
            )
            for name, feed in named.items()
            for pattern in feed.patterns
        ]
        return sql.SQL("CASE {} END").format(sql.SQL(" ").join(cases))
