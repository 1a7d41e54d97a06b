"""The pages of the site that derive from the code: every table from its contract, every setting from its class.

What belongs here: Markdown made of what contracts and settings say of themselves. What does not: a sentence about a
single table or setting; it would be the second place that says so.
"""

from collections.abc import Iterator
from pathlib import Path

from meter_platform.settings import documented_settings
from meter_platform.warehouse.tables import SCHEMAS, TABLES, Table


def write_generated_pages(folder: Path) -> None:
    """Writes `tables.md` and `settings.md` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tables.md").write_text("\n".join(_tables_page()), encoding="utf-8")
    (folder / "settings.md").write_text("\n".join(_settings_page()), encoding="utf-8")


def _tables_page() -> Iterator[str]:
    yield "# Tables\n"
    yield "Every table and column, as its contract in `meter_platform/contracts/` describes it. Postgres has the same"
    yield "words as comments (`\\d+` in psql), the Dagster UI shows them beside each asset.\n"
    for schema in SCHEMAS:
        tables = [table for table in TABLES if table.schema == schema]
        if tables:
            yield f"## `{schema}`\n"
        for table in tables:
            yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    yield f"### `{table.qualified_name}`\n"
    yield f"{table.description}\n"
    yield f"Key: {', '.join(f'`{name}`' for name in table.key)}.\n" if table.key else ""
    yield "| column | type | may be null | meaning | values |"
    yield "|---|---|---|---|---|"
    for column in table.columns:
        rules = "; ".join(words for words, _ in column.rules)
        kind = column.postgres_type.removesuffix(' COLLATE "C"')
        meaning = column.comment.replace("|", "\\|")
        yield f"| `{column.name}` | {kind} | {'yes' if column.nullable else 'no'} | {meaning} | {rules} |"
    yield ""


def _settings_page() -> Iterator[str]:
    yield "# Settings\n"
    yield "Every environment variable that the platform reads. All are optional; a file `.env` in the working directory"
    yield "is read, too, and the environment wins. `meter-platform config` shows what is in force and where it comes from.\n"
    for setting in documented_settings():
        yield f"## `{setting.variable}`\n"
        yield f"{setting.meaning}\n"
        if setting.default:
            yield f"Default: {setting.default}.\n"
        if setting.is_secret:
            yield f"`{setting.variable}_FILE` may name a file with the value instead. The value is never shown.\n"
