"""Contracts of the schema `analytics`: what the rules make of `raw_data`, one reference date at a time."""

from typing import Final

import pandera.pandas as pa

from meter_platform.contracts.types import Count, Date, Energy, Flag, Instant, Text

_REFERENCE_DATE: Final = "Local calendar day of the market that the row is about; the partition."
_LOADED_AT: Final = "When the row was computed (UTC)."
_METERPOINT_ID: Final = "Meterpoint (MPAN or its pseudonym)."
_METERPOINT_COUNT: Final = "Meterpoints with a reading."
_KWH: Final = {"unit": "kWh"}
_OF_EXPORT_REGISTER: Final = "Of it, energy that an export register counted."
_ACTUAL: Final = "Of it, energy that nobody estimated: measured, or of a feed that does not say."
_ESTIMATED: Final = "Of it, energy that was estimated."


class ActiveAgreements(pa.DataFrameModel):
    """Agreements in force on the reference date: valid_from <= date < valid_to."""

    agreement_id: Count = pa.Field(description="Agreement.")
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    meterpoint_id: Text = pa.Field(description=_METERPOINT_ID)
    display_name: Text = pa.Field(description="Name that customers know the product by.")
    is_variable: Flag = pa.Field(description="Whether the price may change during an agreement.")
    is_export: Flag = pa.Field(description="Whether the product pays for energy sent to the grid.")
    is_sole: Flag = pa.Field(
        description="Whether the meterpoint has no other agreement in force. Of overlapping ones none is supplied from."
    )
    loaded_at: Instant = pa.Field(description=_LOADED_AT)

    class Config:
        """Table options."""

        name = "active_agreements"
        unique = ["reference_date", "agreement_id"]
        strict = True


class HalfHourlyConsumption(pa.DataFrameModel):
    """Energy of each half hour over all meterpoints. Totals include export; import and export stand beside.

    Export is what an export register counted, and whatever is supplied to an export product.

    A half hour without a reading of any meterpoint has no row: it is missing, not zero.
    """

    datetime: Instant = pa.Field(description="Start of the half hour (UTC).")
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    settlement_period: Count = pa.Field(
        ge=1, le=50, description="Number of the half hour within its local day, from 1 (Elexon: 46, 48 or 50 a day)."
    )
    meterpoint_count: Count = pa.Field(ge=1, description=_METERPOINT_COUNT)
    total_consumption_kwh: Energy = pa.Field(ge=0, description="Energy, import and export alike.", metadata=_KWH)
    import_consumption_kwh: Energy = pa.Field(ge=0, description="Of it, energy taken from the grid.", metadata=_KWH)
    export_consumption_kwh: Energy = pa.Field(ge=0, description="Of it, energy sent to the grid.", metadata=_KWH)
    loaded_at: Instant = pa.Field(description=_LOADED_AT)
    reading_count: Count = pa.Field(ge=1, description="Readings of every register and meter.")
    actual_consumption_kwh: Energy = pa.Field(ge=0, description=_ACTUAL, metadata=_KWH)
    estimated_consumption_kwh: Energy = pa.Field(ge=0, description=_ESTIMATED, metadata=_KWH)

    class Config:
        """Table options."""

        name = "half_hourly_consumption"
        unique = ["datetime"]
        strict = True


class DailyProductConsumption(pa.DataFrameModel):
    """Energy of each product on the reference date, under the agreement in force that day."""

    product_display_name: Text = pa.Field(description="Name that customers know the product by; several ids share one.")
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    date: Date = pa.Field(description="The day the energy was used on: the reference date.")
    is_export: Flag = pa.Field(description="Whether the energy was sent to the grid.")
    meterpoint_count: Count = pa.Field(ge=1, description=_METERPOINT_COUNT)
    total_consumption_kwh: Energy = pa.Field(ge=0, description="Energy.", metadata=_KWH)
    loaded_at: Instant = pa.Field(description=_LOADED_AT)
    export_consumption_kwh: Energy = pa.Field(ge=0, description="Of it, energy sent to the grid.", metadata=_KWH)
    actual_consumption_kwh: Energy = pa.Field(ge=0, description=_ACTUAL, metadata=_KWH)
    estimated_consumption_kwh: Energy = pa.Field(ge=0, description=_ESTIMATED, metadata=_KWH)

    class Config:
        """Table options."""

        name = "daily_product_consumption"
        unique = ["reference_date", "product_display_name"]
        strict = True


class UnattributedConsumption(pa.DataFrameModel):
    """Energy that belongs to no product: no agreement was in force, or more than one was."""

    meterpoint_id: Text = pa.Field(description=_METERPOINT_ID)
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    total_consumption_kwh: Energy = pa.Field(ge=0, description="Energy of the day.", metadata=_KWH)
    reading_count: Count = pa.Field(ge=1, description="Half hours with a reading.")
    reason: Text = pa.Field(
        isin=["no_agreement", "ended", "not_started", "overlap", "unknown_product"],
        description="Why no one product can be named.",
    )
    days_since_last_agreement: Count = pa.Field(
        nullable=True, ge=0, description="Days since the newest agreement ended; null where none ever did."
    )
    loaded_at: Instant = pa.Field(description=_LOADED_AT)
    export_consumption_kwh: Energy = pa.Field(ge=0, description=_OF_EXPORT_REGISTER, metadata=_KWH)
    actual_consumption_kwh: Energy = pa.Field(ge=0, description=_ACTUAL, metadata=_KWH)
    estimated_consumption_kwh: Energy = pa.Field(ge=0, description=_ESTIMATED, metadata=_KWH)

    class Config:
        """Table options."""

        name = "unattributed_consumption"
        unique = ["reference_date", "meterpoint_id"]
        strict = True


class MeterpointCompleteness(pa.DataFrameModel):
    """How many half hours were received from each meterpoint: from known ones, and from unknown ones that sent rows."""

    meterpoint_id: Text = pa.Field(description=_METERPOINT_ID)
    reference_date: Date = pa.Field(description=_REFERENCE_DATE)
    expected_readings: Count = pa.Field(ge=0, le=50, description="Half hours of the local day: 46, 48 or 50.")
    received_readings: Count = pa.Field(
        ge=0,
        le=50,
        description="Half hours with a stored reading of the import register, or of the export register where that is all.",
    )
    rejected_readings: Count = pa.Field(ge=0, description="Rows of the day that were rejected.")
    zero_readings: Count = pa.Field(ge=0, le=50, description="Of these half hours, those of exactly zero.")
    is_constant: Flag = pa.Field(description="Whether all of these half hours are the same and not zero.")
    total_consumption_kwh: Energy = pa.Field(ge=0, description="Energy of the stored readings.", metadata=_KWH)
    loaded_at: Instant = pa.Field(description=_LOADED_AT)
    largest_reading_kwh: Energy = pa.Field(
        nullable=True, ge=0, description="The largest of these half hours; null where there is none.", metadata=_KWH
    )
    stored_readings: Count = pa.Field(ge=0, description="Stored readings of every register and meter.")
    export_consumption_kwh: Energy = pa.Field(ge=0, description=_OF_EXPORT_REGISTER, metadata=_KWH)
    actual_consumption_kwh: Energy = pa.Field(ge=0, description=_ACTUAL, metadata=_KWH)
    estimated_consumption_kwh: Energy = pa.Field(ge=0, description=_ESTIMATED, metadata=_KWH)

    class Config:
        """Table options."""

        name = "meterpoint_completeness"
        unique = ["reference_date", "meterpoint_id"]
        strict = True
