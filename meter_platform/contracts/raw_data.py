"""Contracts of the schema `raw_data`: what was delivered, as it was delivered, and where it came from.

Between them the tables account for every row of every file: a row is in `raw_meter_readings` or `superseded_readings`,
or equal to one that is (`redelivered_readings` has the newest such, `repeated_readings` all others), or in
`rejected_readings` with its reason, or in `withdrawn_readings` because somebody withdrew it.
"""

from typing import Final

import pandera.pandas as pa

from meter_platform.contracts.readings import IMPOSSIBLE_KWH, QUALITIES, REGISTERS
from meter_platform.contracts.types import Count, Date, Energy, Flag, Instant, Position, Text

FILE_COLUMNS: Final = ("meterpoint_id", "interval_start", "consumption_delta")
"""The columns of RawMeterReadings that a row of every reading file gives. `Particulars` has those that it may give; the
platform adds the others."""

_REFERENCE_DATE: Final = "Local calendar day of the market that the row belongs to; the partition."
_LOADED_AT: Final = "When the load that stored the row began (UTC)."
_SOURCE_FILE_ID: Final = "The file version that delivered the row: raw_data.source_files."
_METERPOINT_ID: Final = "Meterpoint (MPAN or its pseudonym), as delivered."
_INTERVAL_START: Final = "Start of the half hour (UTC)."
_POSITION: Final = "Row number within the file's data, counted from 1."


class Particulars(pa.DataFrameModel):
    """What a row of a reading file may say besides a meterpoint, a half hour and a value: the last columns of a reading.

    Named first among the bases of a contract, so that its columns come last.
    """

    register: Text = pa.Field(
        isin=list(REGISTERS),
        description="Register of the meter: import is energy taken from the grid, export energy sent to it. "
        "import where the file does not say.",
    )
    quality: Text = pa.Field(
        isin=list(QUALITIES),
        description="How the value came about: measured (actual) or estimated; unknown where the file does not say.",
    )
    serial: Text = pa.Field(description="Serial number of the meter; empty where the file does not say.")
    revised_at: Instant = pa.Field(
        nullable=True, description="When the value was last revised (UTC), by the file; null where it does not say."
    )


class ReadingOfAFile(pa.DataFrameModel):
    """A stored reading without its particulars: the first columns of `raw_meter_readings`."""

    meterpoint_id: Text = pa.Field(description=_METERPOINT_ID)
    interval_start: Instant = pa.Field(description=_INTERVAL_START)
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    consumption_delta: Energy = pa.Field(
        ge=0, le=IMPOSSIBLE_KWH, description="Energy of the half hour, exactly as delivered.", metadata={"unit": "kWh"}
    )
    source_file_id: Count = pa.Field(description=_SOURCE_FILE_ID)
    source_position: Position = pa.Field(ge=1, description=_POSITION)
    loaded_at: Instant = pa.Field(description=_LOADED_AT)


class RawMeterReadings(Particulars, ReadingOfAFile):
    """Half-hourly consumption by each register of each meter: for each half hour the value that counts of all delivered.

    Energy is positive whichever way it flows. Where one meter takes the place of another, a half hour has a row of each,
    and their sum is what the meterpoint used.
    """

    class Config:
        """Table options."""

        name = "raw_meter_readings"
        unique = ["meterpoint_id", "interval_start", "register", "serial"]
        strict = True


class RawAgreements(pa.DataFrameModel):
    """Supply agreements, as the reference database had them when the date was loaded.

    Valid from `agreement_valid_from` up to but not including `agreement_valid_to`.
    """

    agreement_id: Count = pa.Field(description="Agreement.")
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    agreement_valid_from: Date = pa.Field(description="First day of validity (local).")
    agreement_valid_to: Date = pa.Field(
        nullable=True, description="First day after validity (local); null while open-ended."
    )
    product_id: Text = pa.Field(description="Product supplied: raw_products.product_id.")
    meterpoint_id: Text = pa.Field(description=_METERPOINT_ID)
    account_id: Text = pa.Field(nullable=True, description="Customer account.")
    loaded_at: Instant = pa.Field(description=_LOADED_AT)

    class Config:
        """Table options."""

        name = "raw_agreements"
        unique = ["reference_date", "agreement_id"]
        strict = True


class RawProducts(pa.DataFrameModel):
    """Products, as the reference database had them when the date was loaded. Several ids share a display name."""

    product_id: Text = pa.Field(description="Product.")
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    id: Count = pa.Field(nullable=True, description="The source's own row number.")
    display_name: Text = pa.Field(description="Name that customers know the product by.")
    is_variable: Count = pa.Field(isin=[0, 1], description="1 where the price may change during an agreement, else 0.")
    loaded_at: Instant = pa.Field(description=_LOADED_AT)

    class Config:
        """Table options."""

        name = "raw_products"
        unique = ["reference_date", "product_id"]
        strict = True


class RawMeterpoints(pa.DataFrameModel):
    """Meterpoints, as the reference database had them when the date was loaded."""

    meterpoint_id: Text = pa.Field(description=_METERPOINT_ID)
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    region: Text = pa.Field(nullable=True, description="Region of the grid.")
    loaded_at: Instant = pa.Field(description=_LOADED_AT)

    class Config:
        """Table options."""

        name = "raw_meterpoints"
        unique = ["reference_date", "meterpoint_id"]
        strict = True


class DeliveredReading(pa.DataFrameModel):
    """A row of a reading file that breaks no rule, wherever it is kept: what the tables below have in common."""

    meterpoint_id: Text = pa.Field(description=_METERPOINT_ID)
    interval_start: Instant = pa.Field(description=_INTERVAL_START)
    consumption_delta: Energy = pa.Field(
        ge=0, le=IMPOSSIBLE_KWH, description="The value that was delivered.", metadata={"unit": "kWh"}
    )
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    source_file_id: Count = pa.Field(description=_SOURCE_FILE_ID)
    source_position: Position = pa.Field(ge=1, description=_POSITION)
    loaded_at: Instant = pa.Field(description=_LOADED_AT)


class ReplacedReading(DeliveredReading):
    """A delivered row that does not count, and what does instead: `superseded_readings` without its particulars."""

    consumption_delta: Energy = pa.Field(
        ge=0, le=IMPOSSIBLE_KWH, description="The value that was replaced.", metadata={"unit": "kWh"}
    )
    source_file_id: Count = pa.Field(description="The file version that first delivered the replaced value.")
    loaded_at: Instant = pa.Field(description="When the load that read the replaced value began (UTC).")
    replaced_by_source_file_id: Count = pa.Field(description="The file version whose delivery of the half hour counts.")
    replaced_at: Instant = pa.Field(description="When the load that replaced the value began (UTC).")


_ONE_VALUE: Final = [
    "reference_date",
    "meterpoint_id",
    "interval_start",
    "consumption_delta",
    "register",
    "serial",
    "quality",
]
"""What tells the values of a half hour's history apart. With the date: in another zone the half hour is of another one, and
rows of files that are gone keep theirs."""


class SupersededReadings(Particulars, ReplacedReading):
    """Values that another delivery outranks: one row for each other value, or quality, a half hour ever had."""

    class Config:
        """Table options."""

        name = "superseded_readings"
        unique = _ONE_VALUE
        strict = True


class RedeliveredReadings(Particulars, DeliveredReading):
    """The newest repeat of a value that is on record already: what decides which value was delivered last."""

    consumption_delta: Energy = pa.Field(
        ge=0, le=IMPOSSIBLE_KWH, description="The value that was delivered again.", metadata={"unit": "kWh"}
    )

    class Config:
        """Table options."""

        name = "redelivered_readings"
        unique = _ONE_VALUE
        strict = True


class RepeatedReadings(Particulars, DeliveredReading):
    """Repeats of a value between its first delivery and its newest.

    They are used only once the first or the newest delivery is withdrawn: then one of these takes its place.
    """

    consumption_delta: Energy = pa.Field(
        ge=0, le=IMPOSSIBLE_KWH, description="The value that was delivered again.", metadata={"unit": "kWh"}
    )

    class Config:
        """Table options."""

        name = "repeated_readings"
        unique = ["reference_date", "source_file_id", "source_position"]
        strict = True


class WithdrawnReading(DeliveredReading):
    """A delivered row that was withdrawn: `withdrawn_readings` without its particulars."""

    withdrawal_id: Count = pa.Field(description="The withdrawal: raw_data.withdrawals.")


class WithdrawnReadings(Particulars, WithdrawnReading):
    """Rows that somebody withdrew: they count as if they had never been delivered, until the withdrawal is undone."""

    class Config:
        """Table options."""

        name = "withdrawn_readings"
        unique = ["reference_date", "source_file_id", "source_position"]
        strict = True


class Withdrawals(pa.DataFrameModel):
    """Withdrawals of file versions, or of parts of them, and which of them were undone."""

    withdrawal_id: Count = pa.Field(ge=1, description="Withdrawal.")
    source_file_id: Count = pa.Field(
        description="The file version that the command named: of left_over, any version of the file."
    )
    what: Text = pa.Field(
        isin=["left_over", "version"],
        description="version: all of its rows. left_over: of overwritten versions of its file, the readings that the "
        "newest version does not have.",
    )
    rows_withdrawn: Count = pa.Field(ge=0, description="Rows that the withdrawal took out of the figures.")
    withdrawn_at: Instant = pa.Field(description="When the withdrawal was asked for (UTC).")
    undone_at: Instant = pa.Field(nullable=True, description="When it was undone (UTC); null while it holds.")

    class Config:
        """Table options."""

        name = "withdrawals"
        unique = ["withdrawal_id"]
        strict = True


class RejectedReadings(pa.DataFrameModel):
    """Rows that break a rule of validation, kept as they were delivered."""

    source_file_id: Count = pa.Field(description=_SOURCE_FILE_ID)
    source_position: Position = pa.Field(ge=1, description=_POSITION)
    reference_date: Date = pa.Field(nullable=True, description=_REFERENCE_DATE + " Null where the row names none.")
    meterpoint_id: Text = pa.Field(nullable=True, description=_METERPOINT_ID + " Null where the row names none.")
    raw_text: Text = pa.Field(description="The row as it stands in the file.")
    reason: Text = pa.Field(description="Reason code: meter_platform/feeds/validation.py lists them.")
    detail: Text = pa.Field(description="The rule, and what broke it.")
    loaded_at: Instant = pa.Field(description=_LOADED_AT)
    consumption_delta: Energy = pa.Field(
        nullable=True,
        description="The row's value to 20 decimals, whatever it means; null where no number below 10^18 can be read.",
        metadata={"unit": "kWh"},
    )

    class Config:
        """Table options."""

        name = "rejected_readings"
        unique = ["source_file_id", "source_position"]
        strict = True


class SourceFileVersions(pa.DataFrameModel):
    """What was learnt of each version of each reading file when it was read.

    It is read once, and again only where somebody asks for it because the rules have changed.
    """

    source_file_id: Count = pa.Field(ge=1, description="File version.")
    url: Text = pa.Field(description="Where the file was read.")
    fingerprint: Text = pa.Field(nullable=True, description="SHA-256 of the content; null where it could not be read.")
    stamp: Text = pa.Field(description="What the file system says of the version: size, times and identity.")
    size_bytes: Count = pa.Field(ge=0, description="Size.", metadata={"unit": "B"})
    delivered_at: Instant = pa.Field(
        description="Time of delivery (UTC): the file's modification time, or when it was first seen where that is "
        "earlier, but later than any earlier version's."
    )
    first_interval: Instant = pa.Field(nullable=True, description="Earliest accepted half hour (UTC).")
    last_interval: Instant = pa.Field(nullable=True, description="Latest accepted half hour (UTC).")
    rows_in_file: Count = pa.Field(ge=0, description="Rows in the file's data; 0 where it could not be read.")
    rows_rejected: Count = pa.Field(ge=0, description="Rows that are in rejected_readings.")
    rows_ambiguous: Count = pa.Field(
        ge=0,
        description="Accepted rows in the repeated autumn hour of which the file does not tell which half hour they mean.",
    )
    outcome: Text = pa.Field(
        isin=["read", "malformed", "held_back"],
        description="read, or why the file is quarantined: malformed where it cannot be read, held_back where it is kept "
        "out whole; then all of its rows are in rejected_readings.",
    )
    error: Text = pa.Field(nullable=True, description="Why the file is quarantined: reason code, then the detail.")
    seen_at: Instant = pa.Field(description="When the platform first saw the version (UTC).")
    modified_at: Instant = pa.Field(
        description="Modification time that the file system gave (UTC); in the future where a clock is wrong."
    )
    reading_rules: Text = pa.Field(
        description="Digest of the rules that its rows were read under; empty where it is not on record."
    )

    class Config:
        """Table options."""

        name = "source_file_versions"
        unique = ["source_file_id"]
        strict = True


class SourceFiles(SourceFileVersions):
    """The file catalogue: one row for each version of each reading file, and what has become of its rows.

    rows_in_file = rows_stored + rows_rejected + rows_redelivered + rows_replaced + rows_withdrawn + rows_pending
    + rows_pruned, always. Pending are the rows of reference dates that have not been loaded since the file came.
    """

    reference_date: Date = pa.Field(nullable=True, description="Newest reference date the file holds; null where none.")
    rows_per_reference_date: Text = pa.Field(
        description="Accepted rows of each reference date, as a JSON object.", metadata={"postgres_type": "jsonb"}
    )
    rows_stored: Count = pa.Field(ge=0, description="Rows that are in raw_meter_readings.")
    rows_redelivered: Count = pa.Field(ge=0, description="Rows equal to one on record.")
    rows_replaced: Count = pa.Field(ge=0, description="Rows that are in superseded_readings.")
    rows_withdrawn: Count = pa.Field(ge=0, description="Rows that were withdrawn: raw_data.withdrawals.")
    rows_pending: Count = pa.Field(ge=0, description="Rows of reference dates not loaded since the file came.")
    loaded_at: Instant = pa.Field(nullable=True, description="When the newest load of the file's rows began (UTC).")
    rows_pruned: Count = pa.Field(ge=0, description="Rows of reference dates that were pruned: raw_data.pruned_dates.")

    class Config:
        """Table options."""

        name = "source_files"
        unique = ["source_file_id"]
        strict = True


class NewestFileVersions(pa.DataFrameModel):
    """The newest version of each file, without the file's name: files may be called after meterpoints."""

    source_file_id: Count = pa.Field(description=_SOURCE_FILE_ID)
    delivered_at: Instant = pa.Field(description="Time of delivery (UTC), as in source_file_versions.")
    outcome: Text = pa.Field(description="What became of the version, as in source_file_versions.")

    class Config:
        """Table options."""

        name = "newest_file_versions"
        unique = ["source_file_id"]
        strict = True


class SourceFileDates(pa.DataFrameModel):
    """What became of a file version's accepted rows, for each reference date it holds."""

    source_file_id: Count = pa.Field(description=_SOURCE_FILE_ID)
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    rows_accepted: Count = pa.Field(ge=1, description="Rows of the date that break no rule.")
    rows_stored: Count = pa.Field(ge=0, description="Of them, rows that are in raw_meter_readings.")
    rows_redelivered: Count = pa.Field(ge=0, description="Of them, rows equal to one on record.")
    rows_replaced: Count = pa.Field(ge=0, description="Of them, rows that are in superseded_readings.")
    loaded_at: Instant = pa.Field(
        nullable=True,
        description="When the load of these rows began (UTC), or they were withdrawn before it; null: pending.",
    )
    rows_withdrawn: Count = pa.Field(ge=0, description="Of them, rows that were withdrawn: raw_data.withdrawals.")
    rows_pruned: Count = pa.Field(
        ge=0, description="All of them where the date was pruned, and its rejected rows with them; 0 else."
    )

    class Config:
        """Table options."""

        name = "source_file_dates"
        unique = ["reference_date", "source_file_id"]
        strict = True


class ScannedFolders(pa.DataFrameModel):
    """What the last scan that looked into a folder of reading files found there.

    A folder in which nothing has happened for long is looked into less often: `ingestion/folders.py` decides by this.
    """

    url: Text = pa.Field(description="The folder, as in the URLs of its files.")
    path: Text = pa.Field(description="The same, as its file system wants it.")
    stamp: Text = pa.Field(
        nullable=True,
        description="What the file system says of the folder, which changes when a file comes or goes: times and identity. "
        "Null on object stores, which know nothing of folders.",
    )
    digest: Text = pa.Field(description="Digest of the names and stamps of its files.")
    file_count: Count = pa.Field(ge=0, description="Reading files in it.")
    unread: Text = pa.Field(
        nullable=True,
        description="Files in it that are not read, by the endings of their names, and some of the names, as JSON; "
        "null: none.",
    )
    is_known: Flag = pa.Field(description="Whether every file that was in it is in the catalogue.")
    listed_at: Instant = pa.Field(description="When it was last listed (UTC).")
    changed_at: Instant = pa.Field(description="When a scan last found it changed (UTC).")
    compared_at: Instant = pa.Field(
        description="When each of its files was last compared with the catalogue (UTC), not only the digest of all."
    )

    class Config:
        """Table options."""

        name = "scanned_folders"
        unique = ["url"]
        strict = True


class PartitionVersions(pa.DataFrameModel):
    """What each table of a reference date was last built from: whether the date is finished follows from it.

    Written in the transaction that publishes the partition. `warehouse/finished.py` compares.
    """

    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    table_name: Text = pa.Field(description="Table, by its name within its schema.")
    version: Count = pa.Field(ge=1, description="Number of the partition's content; a replaced one has a larger one.")
    rows_stored: Count = pa.Field(ge=0, description="Rows of the partition when it was stored.")
    built_from: Text = pa.Field(description="Version of each table that it was computed from; empty where from none.")
    rules: Text = pa.Field(description="Digest of the rules that it was computed by; empty where by none.")
    loaded_at: Instant = pa.Field(description=_LOADED_AT)
    whole_version: Count = pa.Field(
        nullable=True,
        ge=1,
        description="The version at which all of its rows were last replaced. What each later one changed is in "
        "changes_in_place, as long as a table computed from it, or a check, has not followed.",
    )
    recounted_version: Count = pa.Field(
        nullable=True, ge=1, description="Of readings, the version of which checks have recounted every row."
    )

    class Config:
        """Table options."""

        name = "partition_versions"
        unique = ["reference_date", "table_name"]
        strict = True


class ChangesInPlace(pa.DataFrameModel):
    """Rows that were taken out of a partition, or put in, without replacing it whole.

    They are what tables computed from the partition need to follow it, and go once all of them have.
    """

    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    change_id: Count = pa.Field(ge=1, description="Number of the row that was taken out or put in.")
    table_name: Text = pa.Field(description="Table whose row it is, by its name within its schema.")
    version: Count = pa.Field(ge=1, description="The partition's version that came of the change.")
    meterpoint_id: Text = pa.Field(description="Meterpoint of the row.")
    interval_start: Instant = pa.Field(
        description="Start of the row's half hour (UTC); of a row about a whole day, start of the day."
    )
    is_new: Flag = pa.Field(description="Whether the row was put in; else it was taken out.")
    readings: Count = pa.Field(ge=0, description="Readings that the row stands for: of a reading itself one.")
    consumption_kwh: Energy = pa.Field(ge=0, description="Energy of these readings.", metadata={"unit": "kWh"})
    register: Text = pa.Field(nullable=True, description="Of a reading its register; null for other rows.")
    serial: Text = pa.Field(nullable=True, description="Of a reading the meter's serial number; null for other rows.")
    quality: Text = pa.Field(nullable=True, description="Of a reading its quality; null for other rows.")
    export_kwh: Energy = pa.Field(
        nullable=True,
        description="Of a row about a whole day the energy of the export register; null for a reading.",
        metadata={"unit": "kWh"},
    )
    actual_kwh: Energy = pa.Field(
        nullable=True,
        description="Of a row about a whole day the energy that nobody estimated; null for a reading.",
        metadata={"unit": "kWh"},
    )
    estimated_kwh: Energy = pa.Field(
        nullable=True,
        description="Of a row about a whole day the energy that was estimated; null for a reading.",
        metadata={"unit": "kWh"},
    )

    class Config:
        """Table options."""

        name = "changes_in_place"
        unique = ["reference_date", "table_name", "version", "change_id"]
        strict = True


class FailedPartitions(pa.DataFrameModel):
    """Partitions that could not be stored at the last attempt, and why. The row goes once the partition is stored."""

    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    table_name: Text = pa.Field(description="Table, by its name within its schema.")
    error: Text = pa.Field(description="Why; of errors that are not the platform's own only the kind.")
    may_pass: Flag = pa.Field(description="Whether the same may succeed later without anyone doing anything.")
    failed_at: Instant = pa.Field(description="When it failed (UTC).")

    class Config:
        """Table options."""

        name = "failed_partitions"
        unique = ["reference_date", "table_name"]
        strict = True


class FailingChecks(pa.DataFrameModel):
    """Reference dates that fail a check, as of its last evaluation. The row goes once the date passes."""

    check_name: Text = pa.Field(description="Check, as asset.check.")
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    failing_count: Count = pa.Field(ge=1, description="How many of the things counted fail on the date.")
    what: Text = pa.Field(description="What is counted, such as missing half hours.")
    severity: Text = pa.Field(isin=["ERROR", "WARN"], description="ERROR where the platform is at fault, else WARN.")
    looked_at: Instant = pa.Field(description="When the check last evaluated the date (UTC).")

    class Config:
        """Table options."""

        name = "failing_checks"
        unique = ["check_name", "reference_date"]
        strict = True


class DeletedFiles(pa.DataFrameModel):
    """File versions that were deleted before their rows of a date were loaded. One that comes back leaves this table."""

    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    source_file_id: Count = pa.Field(description="The file version: raw_data.source_files.")
    noticed_at: Instant = pa.Field(description="When the platform first did not find it any more (UTC).")

    class Config:
        """Table options."""

        name = "deleted_files"
        unique = ["reference_date", "source_file_id"]
        strict = True


class ErasedMeterpoints(pa.DataFrameModel):
    """Meterpoints that were erased, without their ids: whatever is delivered of one again is stored under pseudonyms.

    A token is the id's digest under a key that is not in the database, so that nobody who has only the database can try
    out ids. `docs/decisions/erasure.md` says more.
    """

    token: Text = pa.Field(description="The id's digest under the erasure key.")
    id_characters: Count = pa.Field(ge=1, description="Characters of the id, by which it is looked for in texts.")
    key_check: Text = pa.Field(description="Tells which key the token was made with, and nothing else about it.")
    erased_at: Instant = pa.Field(description="When the erasure was asked for (UTC).")
    completed_at: Instant = pa.Field(
        nullable=True, description="When nothing of the id was left (UTC); null while it goes on, or was interrupted."
    )

    class Config:
        """Table options."""

        name = "erased_meterpoints"
        unique = ["token"]
        strict = True


class ErasedMeters(pa.DataFrameModel):
    """Meters of erased meterpoints, without their serial numbers: these are hidden in names of files, wherever they stand.

    A token is made as those of `ErasedMeterpoints` are, and does not say which meterpoint it was.
    """

    token: Text = pa.Field(description="The serial number's digest under the erasure key.")
    serial_characters: Count = pa.Field(
        ge=1, description="Characters of the serial number, by which it is looked for in texts."
    )

    class Config:
        """Table options."""

        name = "erased_meters"
        unique = ["token"]
        strict = True


class PrunedDates(pa.DataFrameModel):
    """Reference dates whose rows were deleted from every table because they were older than anyone wants them.

    Whatever is delivered of such a date is counted in the file catalogue, and stored nowhere.
    """

    reference_date: Date = pa.Field(description="Local calendar day of the market.")
    pruned_at: Instant = pa.Field(description="When its rows were deleted (UTC).")
    readings: Count = pa.Field(ge=0, description="How many readings were stored of it then.")
    told_at: Instant = pa.Field(nullable=True, description="When Dagster was told, for its partitions (UTC).")

    class Config:
        """Table options."""

        name = "pruned_dates"
        unique = ["reference_date"]
        strict = True


class DatesPutAway(pa.DataFrameModel):
    """Reference dates whose readings are in the lake alone: `raw_meter_readings` has no row of them.

    Written in the transaction that takes the rows out of Postgres, after they were found in the lake. Whoever needs them
    takes the date out of the lake first (`meter-platform lake take-out`), and the row here goes.
    """

    reference_date: Date = pa.Field(description="Local calendar day of the market.")
    version: Count = pa.Field(ge=1, description="Version of the readings, which the lake has as its ledger_version.")
    lake_version: Count = pa.Field(ge=0, description="Version of the lake's table in which they were found.")
    readings: Count = pa.Field(ge=0, description="How many readings the date has.")
    consumption_kwh: Energy = pa.Field(ge=0, description="Energy of these readings.", metadata={"unit": "kWh"})
    put_away_at: Instant = pa.Field(description="When they were put away (UTC).")

    class Config:
        """Table options."""

        name = "dates_put_away"
        unique = ["reference_date"]
        strict = True
