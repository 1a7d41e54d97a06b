"""Which meterpoints were erased, and what stands in their place in whatever is delivered from then on.

What belongs here: recognising an erased meterpoint in rows, in texts and in names of files, and putting its pseudonym
there before anything is stored. What does not: erasing what is stored (`erase.py`), the pseudonyms (`pseudonyms.py`), the
form of names (`hidden_names.py`).

Nothing is done, and no key is needed, while no meterpoint was erased.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from meter_platform.errors import SettingsError
from meter_platform.feeds.files import ListedFile
from meter_platform.ingestion import erasure_key
from meter_platform.ingestion.hidden_names import hidden
from meter_platform.ingestion.pseudonyms import ERASED_TEXT, Pseudonyms, without_person
from meter_platform.ingestion.serial_numbers import can_be_hidden
from meter_platform.ingestion.tokens import Tokens
from meter_platform.settings import Settings
from meter_platform.warehouse import sessions, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.sessions import Session


class Erased:
    """The meterpoints that were erased; false where there are none.

    Args:
        tokens: of each, and how many characters its id has.
        pseudonyms: of the key that the tokens were made with; `None` where there are none.
        meters: the same of the serial numbers of their meters, as far as these are known.

    Attributes:
        new_meters: serial numbers of theirs that rows had and that are not on record yet.
    """

    def __init__(
        self, tokens: Mapping[str, int], pseudonyms: Pseudonyms | None, meters: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._tokens = tokens
        self._pseudonyms = pseudonyms
        self._known_meters = meters
        self._ids = Tokens(tokens, self._token)
        self._meters = Tokens(meters, self._meter_token)
        self.new_meters: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._tokens)

    @classmethod
    def find(cls, session: Session, settings: Settings) -> "Erased":
        """Those on record, as of now.

        Raises:
            SettingsError: there are some, and the key that they were erased with is not there. Without it they would come
                back, so that nothing may be stored.
        """
        rows = session.fetch(
            sql.SQL("SELECT token, id_characters, key_check FROM {}").format(tables.ERASED_METERPOINTS.identifier)
        )
        if not rows:
            return cls({}, None)
        pseudonyms = erasure_key.read(settings)
        if pseudonyms is None or any(check != pseudonyms.check for *_, check in rows):
            raise SettingsError(
                f"{len(rows):,} meterpoints of this database were erased, and would come back: the key that they were erased "
                f"with {'is another than' if pseudonyms else 'is neither'} METER_PLATFORM_ERASURE_KEY"
                f"{' or' if pseudonyms else ' nor'} the file {erasure_key.key_file(settings)}. Put it there; "
                "docs/operating/erasure.md says what to do where it is lost."
            )
        meters = session.fetch(
            sql.SQL("SELECT token, serial_characters FROM {}").format(tables.ERASED_METERS.identifier)
        )
        return cls({token: characters for token, characters, _ in rows}, pseudonyms, dict(meters))

    @property
    def pseudonyms(self) -> Pseudonyms:
        """Those of the key.

        Raises:
            RuntimeError: no meterpoint was erased.
        """
        if self._pseudonyms is None:
            raise RuntimeError("no meterpoint was erased, and still one was found")
        return self._pseudonyms

    def unknown_meters(self, serials: Iterable[str]) -> set[str]:
        """Those of some serial numbers that are to be put on record."""
        return {serial for serial in serials if serial and can_be_hidden(serial) and serial not in self._meters}

    def with_meters(self, serials: Iterable[str]) -> "Erased":
        """The same meterpoints, with more serial numbers of theirs."""
        more = {self.pseudonyms.meter_token(serial): len(serial) for serial in serials}
        return Erased(self._tokens, self._pseudonyms, {**self._known_meters, **more})

    def of_readings(self, readings: pa.Table) -> pa.Table:
        """Accepted rows, with pseudonyms.

        Args:
            readings: with `meterpoint_id` and `reference_date`, as any row of a file that breaks no rule.
        """
        return self._with_pseudonyms(readings) if self else readings

    def of_rejected(self, rejected: pa.Table) -> pa.Table:
        """Rejected rows, with pseudonyms, and without the texts of rows that name an erased meterpoint.

        Args:
            rejected: of the contract's columns.
        """
        if not self or not rejected.num_rows:
            return rejected
        ids, texts = rejected["meterpoint_id"].to_pylist(), rejected["raw_text"].to_pylist()
        named = [
            (meterpoint or "") in self._ids or self.is_named_in(text)
            for meterpoint, text in zip(ids, texts, strict=True)
        ]
        if not any(named):
            return rejected
        kept = [ERASED_TEXT if hide else text for text, hide in zip(texts, named, strict=True)]
        return self._with_pseudonyms(_replaced(rejected, "raw_text", pa.array(kept, pa.string())))

    def of_snapshot(self, rows: pa.Table) -> pa.Table:
        """Rows of the reference database, each with its reference date, without what tells whose they were."""
        if not self or "meterpoint_id" not in rows.column_names:
            return rows
        theirs = self._are_theirs(rows["meterpoint_id"])
        if not pc.any(theirs).as_py():
            return rows
        changed = [without_person(row, self.pseudonyms) for row in rows.filter(theirs).to_pylist()]
        return pa.concat_tables([rows.filter(pc.invert(theirs)), pa.Table.from_pylist(changed, rows.schema)])

    def file(self, file: ListedFile) -> ListedFile:
        """A file, by the name under which the catalogue knows it. It is still found by its path."""
        name = self.name(file.url)
        return file if name == file.url else replace(file, url=name)

    def files(self, files: Iterable[ListedFile], known: Collection[str] = ()) -> list[ListedFile]:
        """Files, by the names under which the catalogue knows them.

        Args:
            files: as they are listed.
            known: URLs that the catalogue has: they name no erased meterpoint.
        """
        if not self:
            return list(files)
        return [file if file.url in known else self.file(file) for file in files]

    def name(self, url: str) -> str:
        """A URL, without what tells whose it is: see `hidden_names`."""
        return hidden(url, self._ids, self._meters, self.pseudonyms) if self else url

    def is_named_in(self, text: str) -> bool:
        """Whether a text names an erased meterpoint, or a meter of one."""
        spoken = _spoken(text)
        return any(True for tokens in (self._ids, self._meters) for _ in tokens.spans_in(spoken))

    def _token(self, meterpoint_id: str) -> str:
        return self.pseudonyms.token(meterpoint_id)

    def _meter_token(self, serial: str) -> str:
        return self.pseudonyms.meter_token(serial)

    def _are_theirs(self, ids: pa.ChunkedArray) -> pa.ChunkedArray:
        erased = [each for each in pc.unique(ids).to_pylist() if each is not None and each in self._ids]
        return pc.is_in(ids, pa.array(erased, pa.string()))

    def _with_pseudonyms(self, rows: pa.Table) -> pa.Table:
        theirs = self._are_theirs(rows["meterpoint_id"])
        if not pc.any(theirs).as_py():
            return rows
        named = rows.select(["meterpoint_id", "reference_date"]).filter(theirs).to_pylist()
        pseudonyms = [self.pseudonyms.meterpoint(row["meterpoint_id"], row["reference_date"]) for row in named]
        ids = pc.replace_with_mask(
            rows["meterpoint_id"].combine_chunks(), theirs.combine_chunks(), pa.array(pseudonyms, pa.string())
        )
        rows = _replaced(rows, "meterpoint_id", ids)
        if "serial" not in rows.column_names:
            return rows
        pairs = rows.select(["serial", "reference_date"]).filter(theirs).to_pylist()
        self.new_meters |= self.unknown_meters({pair["serial"] for pair in pairs})
        serials = [self.pseudonyms.serial(pair["serial"], pair["reference_date"]) for pair in pairs]
        return _replaced(
            rows,
            "serial",
            pc.replace_with_mask(
                rows["serial"].combine_chunks(), theirs.combine_chunks(), pa.array(serials, pa.string())
            ),
        )


@dataclass(frozen=True)
class SnapshotsWithoutErased:
    """Rows of the reference database, without what tells whose those of erased meterpoints were.

    Which were erased is asked when the first row is stored, while the dates are locked: an erasure that begins later waits
    for them.

    Attributes:
        rows: each with its reference date.
        database: that knows who was erased.
        settings: that say where the key is.
    """

    rows: Iterable[pa.Table]
    open_database: Callable[[], Database]
    settings: Settings

    def __iter__(self) -> Iterator[pa.Table]:
        with sessions.begin(self.open_database()) as session:
            erased = Erased.find(session, self.settings)
        yield from map(erased.of_snapshot, self.rows)


def _replaced(rows: pa.Table, name: str, column: Any) -> pa.Table:  # noqa: ANN401 - an Arrow array
    return rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), column)


def _spoken(text: str) -> str:
    """A row's text without the signs by which JSON writes characters that it cannot hold."""
    if "\\" not in text:
        return text
    try:
        return "\n".join(_strings(json.loads(text)))
    except ValueError:
        return text


def _strings(value: object) -> Iterator[str]:
    match value:
        case dict():
            for key, inner in value.items():
                yield key
                yield from _strings(inner)
        case list():
            for inner in value:
                yield from _strings(inner)
        case _:
            yield str(value)
