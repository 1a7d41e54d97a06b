--
-- PostgreSQL database dump
--


-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: analytics; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA analytics;


--
-- Name: SCHEMA analytics; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA analytics IS 'meter_platform contracts 5cfd8de1200f77b9';


--
-- Name: raw_data; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA raw_data;


--
-- Name: raw_data_partitions; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA raw_data_partitions;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: active_agreements; Type: TABLE; Schema: analytics; Owner: -
--

CREATE TABLE analytics.active_agreements (
    agreement_id bigint NOT NULL,
    reference_date date NOT NULL,
    meterpoint_id text NOT NULL COLLATE pg_catalog."C",
    display_name text NOT NULL COLLATE pg_catalog."C",
    is_variable boolean NOT NULL,
    is_export boolean NOT NULL,
    is_sole boolean NOT NULL,
    loaded_at timestamp with time zone NOT NULL
);


--
-- Name: TABLE active_agreements; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON TABLE analytics.active_agreements IS 'Agreements in force on the reference date: valid_from <= date < valid_to.';


--
-- Name: COLUMN active_agreements.agreement_id; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.active_agreements.agreement_id IS 'Agreement.';


--
-- Name: COLUMN active_agreements.reference_date; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.active_agreements.reference_date IS 'Local calendar day of the market that the row is about; the partition.';


--
-- Name: COLUMN active_agreements.meterpoint_id; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.active_agreements.meterpoint_id IS 'Meterpoint (MPAN or its pseudonym).';


--
-- Name: COLUMN active_agreements.display_name; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.active_agreements.display_name IS 'Name that customers know the product by.';


--
-- Name: COLUMN active_agreements.is_variable; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.active_agreements.is_variable IS 'Whether the price may change during an agreement.';


--
-- Name: COLUMN active_agreements.is_export; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.active_agreements.is_export IS 'Whether the product pays for energy sent to the grid.';


--
-- Name: COLUMN active_agreements.is_sole; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.active_agreements.is_sole IS 'Whether the meterpoint has no other agreement in force. Of overlapping ones none is supplied from.';


--
-- Name: COLUMN active_agreements.loaded_at; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.active_agreements.loaded_at IS 'When the row was computed (UTC).';


--
-- Name: daily_product_consumption; Type: TABLE; Schema: analytics; Owner: -
--

CREATE TABLE analytics.daily_product_consumption (
    product_display_name text NOT NULL COLLATE pg_catalog."C",
    reference_date date NOT NULL,
    date date NOT NULL,
    is_export boolean NOT NULL,
    meterpoint_count bigint NOT NULL,
    total_consumption_kwh numeric NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT daily_product_consumption_meterpoint_count_1 CHECK ((meterpoint_count >= 1)),
    CONSTRAINT daily_product_consumption_total_consumption_kwh_1 CHECK ((total_consumption_kwh >= (0)::numeric))
);


--
-- Name: TABLE daily_product_consumption; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON TABLE analytics.daily_product_consumption IS 'Energy of each product on the reference date, under the agreement in force that day.';


--
-- Name: COLUMN daily_product_consumption.product_display_name; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.daily_product_consumption.product_display_name IS 'Name that customers know the product by; several ids share one.';


--
-- Name: COLUMN daily_product_consumption.reference_date; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.daily_product_consumption.reference_date IS 'Local calendar day of the market that the row is about; the partition.';


--
-- Name: COLUMN daily_product_consumption.date; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.daily_product_consumption.date IS 'The day the energy was used on: the reference date.';


--
-- Name: COLUMN daily_product_consumption.is_export; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.daily_product_consumption.is_export IS 'Whether the energy was sent to the grid.';


--
-- Name: COLUMN daily_product_consumption.meterpoint_count; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.daily_product_consumption.meterpoint_count IS 'Meterpoints with a reading.';


--
-- Name: COLUMN daily_product_consumption.total_consumption_kwh; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.daily_product_consumption.total_consumption_kwh IS 'Energy. [kWh]';


--
-- Name: COLUMN daily_product_consumption.loaded_at; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.daily_product_consumption.loaded_at IS 'When the row was computed (UTC).';


--
-- Name: half_hourly_consumption; Type: TABLE; Schema: analytics; Owner: -
--

CREATE TABLE analytics.half_hourly_consumption (
    datetime timestamp with time zone NOT NULL,
    reference_date date NOT NULL,
    settlement_period bigint NOT NULL,
    meterpoint_count bigint NOT NULL,
    total_consumption_kwh numeric NOT NULL,
    import_consumption_kwh numeric NOT NULL,
    export_consumption_kwh numeric NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT half_hourly_consumption_export_consumption_kwh_1 CHECK ((export_consumption_kwh >= (0)::numeric)),
    CONSTRAINT half_hourly_consumption_import_consumption_kwh_1 CHECK ((import_consumption_kwh >= (0)::numeric)),
    CONSTRAINT half_hourly_consumption_meterpoint_count_1 CHECK ((meterpoint_count >= 1)),
    CONSTRAINT half_hourly_consumption_settlement_period_1 CHECK ((settlement_period >= 1)),
    CONSTRAINT half_hourly_consumption_settlement_period_2 CHECK ((settlement_period <= 50)),
    CONSTRAINT half_hourly_consumption_total_consumption_kwh_1 CHECK ((total_consumption_kwh >= (0)::numeric))
);


--
-- Name: TABLE half_hourly_consumption; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON TABLE analytics.half_hourly_consumption IS 'Energy of each half hour over all meterpoints. Totals include export meters; import and export stand beside.

A half hour that nobody sent a reading for has no row: it is missing, not zero.';


--
-- Name: COLUMN half_hourly_consumption.datetime; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.half_hourly_consumption.datetime IS 'Start of the half hour (UTC).';


--
-- Name: COLUMN half_hourly_consumption.reference_date; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.half_hourly_consumption.reference_date IS 'Local calendar day of the market that the row is about; the partition.';


--
-- Name: COLUMN half_hourly_consumption.settlement_period; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.half_hourly_consumption.settlement_period IS 'Number of the half hour within its local day, from 1 (Elexon: 46, 48 or 50 a day).';


--
-- Name: COLUMN half_hourly_consumption.meterpoint_count; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.half_hourly_consumption.meterpoint_count IS 'Meterpoints with a reading.';


--
-- Name: COLUMN half_hourly_consumption.total_consumption_kwh; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.half_hourly_consumption.total_consumption_kwh IS 'Energy, import and export alike. [kWh]';


--
-- Name: COLUMN half_hourly_consumption.import_consumption_kwh; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.half_hourly_consumption.import_consumption_kwh IS 'Of it, energy taken from the grid. [kWh]';


--
-- Name: COLUMN half_hourly_consumption.export_consumption_kwh; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.half_hourly_consumption.export_consumption_kwh IS 'Of it, energy sent to the grid. [kWh]';


--
-- Name: COLUMN half_hourly_consumption.loaded_at; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.half_hourly_consumption.loaded_at IS 'When the row was computed (UTC).';


--
-- Name: meterpoint_completeness; Type: TABLE; Schema: analytics; Owner: -
--

CREATE TABLE analytics.meterpoint_completeness (
    meterpoint_id text NOT NULL COLLATE pg_catalog."C",
    reference_date date NOT NULL,
    expected_readings bigint NOT NULL,
    received_readings bigint NOT NULL,
    rejected_readings bigint NOT NULL,
    zero_readings bigint NOT NULL,
    is_constant boolean NOT NULL,
    total_consumption_kwh numeric NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT meterpoint_completeness_expected_readings_1 CHECK ((expected_readings >= 0)),
    CONSTRAINT meterpoint_completeness_expected_readings_2 CHECK ((expected_readings <= 50)),
    CONSTRAINT meterpoint_completeness_received_readings_1 CHECK ((received_readings >= 0)),
    CONSTRAINT meterpoint_completeness_received_readings_2 CHECK ((received_readings <= 50)),
    CONSTRAINT meterpoint_completeness_rejected_readings_1 CHECK ((rejected_readings >= 0)),
    CONSTRAINT meterpoint_completeness_total_consumption_kwh_1 CHECK ((total_consumption_kwh >= (0)::numeric)),
    CONSTRAINT meterpoint_completeness_zero_readings_1 CHECK ((zero_readings >= 0)),
    CONSTRAINT meterpoint_completeness_zero_readings_2 CHECK ((zero_readings <= 50))
);


--
-- Name: TABLE meterpoint_completeness; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON TABLE analytics.meterpoint_completeness IS 'What each meterpoint has sent of the day: known meterpoints, and unknown ones that sent something.';


--
-- Name: COLUMN meterpoint_completeness.meterpoint_id; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.meterpoint_completeness.meterpoint_id IS 'Meterpoint (MPAN or its pseudonym).';


--
-- Name: COLUMN meterpoint_completeness.reference_date; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.meterpoint_completeness.reference_date IS 'Local calendar day of the market that the row is about; the partition.';


--
-- Name: COLUMN meterpoint_completeness.expected_readings; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.meterpoint_completeness.expected_readings IS 'Half hours of the local day: 46, 48 or 50.';


--
-- Name: COLUMN meterpoint_completeness.received_readings; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.meterpoint_completeness.received_readings IS 'Half hours with a stored reading.';


--
-- Name: COLUMN meterpoint_completeness.rejected_readings; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.meterpoint_completeness.rejected_readings IS 'Rows of the day that were rejected.';


--
-- Name: COLUMN meterpoint_completeness.zero_readings; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.meterpoint_completeness.zero_readings IS 'Stored readings of exactly zero.';


--
-- Name: COLUMN meterpoint_completeness.is_constant; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.meterpoint_completeness.is_constant IS 'Whether all stored readings are the same and not zero.';


--
-- Name: COLUMN meterpoint_completeness.total_consumption_kwh; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.meterpoint_completeness.total_consumption_kwh IS 'Energy of the stored readings. [kWh]';


--
-- Name: COLUMN meterpoint_completeness.loaded_at; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.meterpoint_completeness.loaded_at IS 'When the row was computed (UTC).';


--
-- Name: unattributed_consumption; Type: TABLE; Schema: analytics; Owner: -
--

CREATE TABLE analytics.unattributed_consumption (
    meterpoint_id text NOT NULL COLLATE pg_catalog."C",
    reference_date date NOT NULL,
    total_consumption_kwh numeric NOT NULL,
    reading_count bigint NOT NULL,
    reason text NOT NULL COLLATE pg_catalog."C",
    days_since_last_agreement bigint,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT unattributed_consumption_days_since_last_agreement_1 CHECK ((days_since_last_agreement >= 0)),
    CONSTRAINT unattributed_consumption_reading_count_1 CHECK ((reading_count >= 1)),
    CONSTRAINT unattributed_consumption_reason_1 CHECK ((reason = ANY (ARRAY['ended'::text, 'no_agreement'::text, 'not_started'::text, 'overlap'::text, 'unknown_product'::text]))),
    CONSTRAINT unattributed_consumption_total_consumption_kwh_1 CHECK ((total_consumption_kwh >= (0)::numeric))
);


--
-- Name: TABLE unattributed_consumption; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON TABLE analytics.unattributed_consumption IS 'Energy that belongs to no product: no agreement was in force, or more than one was.';


--
-- Name: COLUMN unattributed_consumption.meterpoint_id; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.unattributed_consumption.meterpoint_id IS 'Meterpoint (MPAN or its pseudonym).';


--
-- Name: COLUMN unattributed_consumption.reference_date; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.unattributed_consumption.reference_date IS 'Local calendar day of the market that the row is about; the partition.';


--
-- Name: COLUMN unattributed_consumption.total_consumption_kwh; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.unattributed_consumption.total_consumption_kwh IS 'Energy of the day. [kWh]';


--
-- Name: COLUMN unattributed_consumption.reading_count; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.unattributed_consumption.reading_count IS 'Half hours with a reading.';


--
-- Name: COLUMN unattributed_consumption.reason; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.unattributed_consumption.reason IS 'Why no one product can be named.';


--
-- Name: COLUMN unattributed_consumption.days_since_last_agreement; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.unattributed_consumption.days_since_last_agreement IS 'Days since the newest agreement ended; null where none ever did.';


--
-- Name: COLUMN unattributed_consumption.loaded_at; Type: COMMENT; Schema: analytics; Owner: -
--

COMMENT ON COLUMN analytics.unattributed_consumption.loaded_at IS 'When the row was computed (UTC).';


--
-- Name: raw_agreements; Type: TABLE; Schema: raw_data; Owner: -
--

CREATE TABLE raw_data.raw_agreements (
    agreement_id bigint NOT NULL,
    reference_date date NOT NULL,
    agreement_valid_from date NOT NULL,
    agreement_valid_to date,
    product_id text NOT NULL COLLATE pg_catalog."C",
    meterpoint_id text NOT NULL COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    loaded_at timestamp with time zone NOT NULL
);


--
-- Name: TABLE raw_agreements; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON TABLE raw_data.raw_agreements IS 'Supply agreements, as the reference database had them when the date was loaded.

Valid from `agreement_valid_from` up to but not including `agreement_valid_to`.';


--
-- Name: COLUMN raw_agreements.agreement_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_agreements.agreement_id IS 'Agreement.';


--
-- Name: COLUMN raw_agreements.reference_date; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_agreements.reference_date IS 'Local calendar day of the market that the row belongs to; the partition.';


--
-- Name: COLUMN raw_agreements.agreement_valid_from; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_agreements.agreement_valid_from IS 'First day of validity (local).';


--
-- Name: COLUMN raw_agreements.agreement_valid_to; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_agreements.agreement_valid_to IS 'First day after validity (local); null while open-ended.';


--
-- Name: COLUMN raw_agreements.product_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_agreements.product_id IS 'Product supplied: raw_products.product_id.';


--
-- Name: COLUMN raw_agreements.meterpoint_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_agreements.meterpoint_id IS 'Meterpoint (MPAN or its pseudonym), as delivered.';


--
-- Name: COLUMN raw_agreements.account_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_agreements.account_id IS 'Customer account.';


--
-- Name: COLUMN raw_agreements.loaded_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_agreements.loaded_at IS 'When the load that stored the row began (UTC).';


--
-- Name: raw_meter_readings; Type: TABLE; Schema: raw_data; Owner: -
--

CREATE TABLE raw_data.raw_meter_readings (
    meterpoint_id text NOT NULL COLLATE pg_catalog."C",
    interval_start timestamp with time zone NOT NULL,
    reference_date date NOT NULL,
    consumption_delta numeric NOT NULL,
    source_file_id bigint NOT NULL,
    source_position integer NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT raw_meter_readings_consumption_delta_1 CHECK ((consumption_delta >= (0)::numeric)),
    CONSTRAINT raw_meter_readings_consumption_delta_2 CHECK ((consumption_delta <= (24)::numeric)),
    CONSTRAINT raw_meter_readings_source_position_1 CHECK ((source_position >= 1))
)
PARTITION BY LIST (reference_date);


--
-- Name: TABLE raw_meter_readings; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON TABLE raw_data.raw_meter_readings IS 'Half-hourly consumption of each meterpoint: for each half hour the value of the newest delivery.

Energy is positive whichever way it flows; on an export meter it is energy sent to the grid.';


--
-- Name: COLUMN raw_meter_readings.meterpoint_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_meter_readings.meterpoint_id IS 'Meterpoint (MPAN or its pseudonym), as delivered.';


--
-- Name: COLUMN raw_meter_readings.interval_start; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_meter_readings.interval_start IS 'Start of the half hour (UTC).';


--
-- Name: COLUMN raw_meter_readings.reference_date; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_meter_readings.reference_date IS 'Local calendar day of the market that the row belongs to; the partition.';


--
-- Name: COLUMN raw_meter_readings.consumption_delta; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_meter_readings.consumption_delta IS 'Energy of the half hour, exactly as delivered. [kWh]';


--
-- Name: COLUMN raw_meter_readings.source_file_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_meter_readings.source_file_id IS 'The file version that delivered the row: raw_data.source_files.';


--
-- Name: COLUMN raw_meter_readings.source_position; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_meter_readings.source_position IS 'Row number within the file''s data, counted from 1.';


--
-- Name: COLUMN raw_meter_readings.loaded_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_meter_readings.loaded_at IS 'When the load that stored the row began (UTC).';


--
-- Name: raw_meterpoints; Type: TABLE; Schema: raw_data; Owner: -
--

CREATE TABLE raw_data.raw_meterpoints (
    meterpoint_id text NOT NULL COLLATE pg_catalog."C",
    reference_date date NOT NULL,
    region text COLLATE pg_catalog."C",
    loaded_at timestamp with time zone NOT NULL
);


--
-- Name: TABLE raw_meterpoints; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON TABLE raw_data.raw_meterpoints IS 'Meterpoints, as the reference database had them when the date was loaded.';


--
-- Name: COLUMN raw_meterpoints.meterpoint_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_meterpoints.meterpoint_id IS 'Meterpoint (MPAN or its pseudonym), as delivered.';


--
-- Name: COLUMN raw_meterpoints.reference_date; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_meterpoints.reference_date IS 'Local calendar day of the market that the row belongs to; the partition.';


--
-- Name: COLUMN raw_meterpoints.region; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_meterpoints.region IS 'Region of the grid.';


--
-- Name: COLUMN raw_meterpoints.loaded_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_meterpoints.loaded_at IS 'When the load that stored the row began (UTC).';


--
-- Name: raw_products; Type: TABLE; Schema: raw_data; Owner: -
--

CREATE TABLE raw_data.raw_products (
    product_id text NOT NULL COLLATE pg_catalog."C",
    reference_date date NOT NULL,
    id bigint,
    display_name text NOT NULL COLLATE pg_catalog."C",
    is_variable bigint NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT raw_products_is_variable_1 CHECK ((is_variable = ANY (ARRAY[(0)::bigint, (1)::bigint])))
);


--
-- Name: TABLE raw_products; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON TABLE raw_data.raw_products IS 'Products, as the reference database had them when the date was loaded. Several ids share a display name.';


--
-- Name: COLUMN raw_products.product_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_products.product_id IS 'Product.';


--
-- Name: COLUMN raw_products.reference_date; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_products.reference_date IS 'Local calendar day of the market that the row belongs to; the partition.';


--
-- Name: COLUMN raw_products.id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_products.id IS 'The source''s own row number.';


--
-- Name: COLUMN raw_products.display_name; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_products.display_name IS 'Name that customers know the product by.';


--
-- Name: COLUMN raw_products.is_variable; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_products.is_variable IS '1 where the price may change during an agreement, else 0.';


--
-- Name: COLUMN raw_products.loaded_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.raw_products.loaded_at IS 'When the load that stored the row began (UTC).';


--
-- Name: redelivered_readings; Type: TABLE; Schema: raw_data; Owner: -
--

CREATE TABLE raw_data.redelivered_readings (
    meterpoint_id text NOT NULL COLLATE pg_catalog."C",
    interval_start timestamp with time zone NOT NULL,
    consumption_delta numeric NOT NULL,
    reference_date date NOT NULL,
    source_file_id bigint NOT NULL,
    source_position integer NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT redelivered_readings_consumption_delta_1 CHECK ((consumption_delta >= (0)::numeric)),
    CONSTRAINT redelivered_readings_consumption_delta_2 CHECK ((consumption_delta <= (24)::numeric)),
    CONSTRAINT redelivered_readings_source_position_1 CHECK ((source_position >= 1))
);


--
-- Name: TABLE redelivered_readings; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON TABLE raw_data.redelivered_readings IS 'The newest repeat of a value that is on record already: what decides which value was delivered last.';


--
-- Name: COLUMN redelivered_readings.meterpoint_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.redelivered_readings.meterpoint_id IS 'Meterpoint (MPAN or its pseudonym), as delivered.';


--
-- Name: COLUMN redelivered_readings.interval_start; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.redelivered_readings.interval_start IS 'Start of the half hour (UTC).';


--
-- Name: COLUMN redelivered_readings.consumption_delta; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.redelivered_readings.consumption_delta IS 'The value that was delivered again. [kWh]';


--
-- Name: COLUMN redelivered_readings.reference_date; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.redelivered_readings.reference_date IS 'Local calendar day of the market that the row belongs to; the partition.';


--
-- Name: COLUMN redelivered_readings.source_file_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.redelivered_readings.source_file_id IS 'The file version that delivered the row: raw_data.source_files.';


--
-- Name: COLUMN redelivered_readings.source_position; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.redelivered_readings.source_position IS 'Row number within the file''s data, counted from 1.';


--
-- Name: COLUMN redelivered_readings.loaded_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.redelivered_readings.loaded_at IS 'When the load that stored the row began (UTC).';


--
-- Name: rejected_readings; Type: TABLE; Schema: raw_data; Owner: -
--

CREATE TABLE raw_data.rejected_readings (
    source_file_id bigint NOT NULL,
    source_position integer NOT NULL,
    reference_date date,
    meterpoint_id text COLLATE pg_catalog."C",
    raw_text text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    detail text NOT NULL COLLATE pg_catalog."C",
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT rejected_readings_source_position_1 CHECK ((source_position >= 1))
);


--
-- Name: TABLE rejected_readings; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON TABLE raw_data.rejected_readings IS 'Rows that break a rule of validation, kept as they were delivered.';


--
-- Name: COLUMN rejected_readings.source_file_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.rejected_readings.source_file_id IS 'The file version that delivered the row: raw_data.source_files.';


--
-- Name: COLUMN rejected_readings.source_position; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.rejected_readings.source_position IS 'Row number within the file''s data, counted from 1.';


--
-- Name: COLUMN rejected_readings.reference_date; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.rejected_readings.reference_date IS 'Local calendar day of the market that the row belongs to; the partition. Null where the row names none.';


--
-- Name: COLUMN rejected_readings.meterpoint_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.rejected_readings.meterpoint_id IS 'Meterpoint (MPAN or its pseudonym), as delivered. Null where the row names none.';


--
-- Name: COLUMN rejected_readings.raw_text; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.rejected_readings.raw_text IS 'The row as it stands in the file.';


--
-- Name: COLUMN rejected_readings.reason; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.rejected_readings.reason IS 'Reason code: meter_platform/sources/rows.py lists them.';


--
-- Name: COLUMN rejected_readings.detail; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.rejected_readings.detail IS 'The rule, and what broke it.';


--
-- Name: COLUMN rejected_readings.loaded_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.rejected_readings.loaded_at IS 'When the load that stored the row began (UTC).';


--
-- Name: source_file_dates; Type: TABLE; Schema: raw_data; Owner: -
--

CREATE TABLE raw_data.source_file_dates (
    source_file_id bigint NOT NULL,
    reference_date date NOT NULL,
    rows_accepted bigint NOT NULL,
    rows_stored bigint NOT NULL,
    rows_redelivered bigint NOT NULL,
    rows_replaced bigint NOT NULL,
    loaded_at timestamp with time zone,
    CONSTRAINT source_file_dates_rows_accepted_1 CHECK ((rows_accepted >= 1)),
    CONSTRAINT source_file_dates_rows_redelivered_1 CHECK ((rows_redelivered >= 0)),
    CONSTRAINT source_file_dates_rows_replaced_1 CHECK ((rows_replaced >= 0)),
    CONSTRAINT source_file_dates_rows_stored_1 CHECK ((rows_stored >= 0))
);


--
-- Name: TABLE source_file_dates; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON TABLE raw_data.source_file_dates IS 'What became of a file version''s accepted rows, for each reference date it holds.';


--
-- Name: COLUMN source_file_dates.source_file_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_dates.source_file_id IS 'The file version that delivered the row: raw_data.source_files.';


--
-- Name: COLUMN source_file_dates.reference_date; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_dates.reference_date IS 'Local calendar day of the market that the row belongs to; the partition.';


--
-- Name: COLUMN source_file_dates.rows_accepted; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_dates.rows_accepted IS 'Rows of the date that break no rule.';


--
-- Name: COLUMN source_file_dates.rows_stored; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_dates.rows_stored IS 'Of them, rows that are in raw_meter_readings.';


--
-- Name: COLUMN source_file_dates.rows_redelivered; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_dates.rows_redelivered IS 'Of them, rows equal to one on record.';


--
-- Name: COLUMN source_file_dates.rows_replaced; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_dates.rows_replaced IS 'Of them, rows that are in superseded_readings.';


--
-- Name: COLUMN source_file_dates.loaded_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_dates.loaded_at IS 'When the load of these rows began (UTC); null: pending.';


--
-- Name: source_file_id; Type: SEQUENCE; Schema: raw_data; Owner: -
--

CREATE SEQUENCE raw_data.source_file_id
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: source_file_versions; Type: TABLE; Schema: raw_data; Owner: -
--

CREATE TABLE raw_data.source_file_versions (
    source_file_id bigint NOT NULL,
    url text NOT NULL COLLATE pg_catalog."C",
    fingerprint text COLLATE pg_catalog."C",
    stamp text NOT NULL COLLATE pg_catalog."C",
    size_bytes bigint NOT NULL,
    delivered_at timestamp with time zone NOT NULL,
    first_interval timestamp with time zone,
    last_interval timestamp with time zone,
    rows_in_file bigint NOT NULL,
    rows_rejected bigint NOT NULL,
    rows_ambiguous bigint NOT NULL,
    outcome text NOT NULL COLLATE pg_catalog."C",
    error text COLLATE pg_catalog."C",
    seen_at timestamp with time zone NOT NULL,
    CONSTRAINT source_file_versions_outcome_1 CHECK ((outcome = ANY (ARRAY['malformed'::text, 'read'::text]))),
    CONSTRAINT source_file_versions_rows_ambiguous_1 CHECK ((rows_ambiguous >= 0)),
    CONSTRAINT source_file_versions_rows_in_file_1 CHECK ((rows_in_file >= 0)),
    CONSTRAINT source_file_versions_rows_rejected_1 CHECK ((rows_rejected >= 0)),
    CONSTRAINT source_file_versions_size_bytes_1 CHECK ((size_bytes >= 0)),
    CONSTRAINT source_file_versions_source_file_id_1 CHECK ((source_file_id >= 1))
);


--
-- Name: TABLE source_file_versions; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON TABLE raw_data.source_file_versions IS 'What was learnt of each version of each reading file when it was read, once; nothing here changes later.';


--
-- Name: COLUMN source_file_versions.source_file_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.source_file_id IS 'File version.';


--
-- Name: COLUMN source_file_versions.url; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.url IS 'Where the file was read.';


--
-- Name: COLUMN source_file_versions.fingerprint; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.fingerprint IS 'SHA-256 of the content; null where it could not be read.';


--
-- Name: COLUMN source_file_versions.stamp; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.stamp IS 'What the file system says of the version: size, times and identity.';


--
-- Name: COLUMN source_file_versions.size_bytes; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.size_bytes IS 'Size. [B]';


--
-- Name: COLUMN source_file_versions.delivered_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.delivered_at IS 'Time of delivery (UTC): the file''s modification time, but later than any earlier version''s.';


--
-- Name: COLUMN source_file_versions.first_interval; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.first_interval IS 'Earliest accepted half hour (UTC).';


--
-- Name: COLUMN source_file_versions.last_interval; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.last_interval IS 'Latest accepted half hour (UTC).';


--
-- Name: COLUMN source_file_versions.rows_in_file; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.rows_in_file IS 'Rows in the file''s data; 0 where it could not be read.';


--
-- Name: COLUMN source_file_versions.rows_rejected; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.rows_rejected IS 'Rows that are in rejected_readings.';


--
-- Name: COLUMN source_file_versions.rows_ambiguous; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.rows_ambiguous IS 'Accepted rows in the repeated autumn hour that occur once and may mean either half hour.';


--
-- Name: COLUMN source_file_versions.outcome; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.outcome IS 'Whether the file could be read.';


--
-- Name: COLUMN source_file_versions.error; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.error IS 'Why the file is malformed: reason code, then the detail.';


--
-- Name: COLUMN source_file_versions.seen_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_file_versions.seen_at IS 'When the platform first saw the version (UTC).';


--
-- Name: source_files; Type: VIEW; Schema: raw_data; Owner: -
--

CREATE VIEW raw_data.source_files AS
 SELECT version.source_file_id,
    version.url,
    version.fingerprint,
    version.stamp,
    version.size_bytes,
    version.delivered_at,
    version.first_interval,
    version.last_interval,
    version.rows_in_file,
    version.rows_rejected,
    version.rows_ambiguous,
    version.outcome,
    version.error,
    version.seen_at,
    dates.reference_date,
    COALESCE(dates.rows_per_reference_date, '{}'::jsonb) AS rows_per_reference_date,
    COALESCE(dates.rows_stored, (0)::bigint) AS rows_stored,
    COALESCE(dates.rows_redelivered, (0)::bigint) AS rows_redelivered,
    COALESCE(dates.rows_replaced, (0)::bigint) AS rows_replaced,
    COALESCE(dates.rows_pending, (0)::bigint) AS rows_pending,
    dates.loaded_at
   FROM (raw_data.source_file_versions version
     LEFT JOIN LATERAL ( SELECT max(source_file_dates.reference_date) AS reference_date,
            jsonb_object_agg(source_file_dates.reference_date, source_file_dates.rows_accepted) AS rows_per_reference_date,
            (sum(source_file_dates.rows_stored))::bigint AS rows_stored,
            (sum(source_file_dates.rows_redelivered))::bigint AS rows_redelivered,
            (sum(source_file_dates.rows_replaced))::bigint AS rows_replaced,
            (sum(source_file_dates.rows_accepted) FILTER (WHERE (source_file_dates.loaded_at IS NULL)))::bigint AS rows_pending,
            max(source_file_dates.loaded_at) AS loaded_at
           FROM raw_data.source_file_dates
          WHERE (source_file_dates.source_file_id = version.source_file_id)) dates ON (true));


--
-- Name: VIEW source_files; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON VIEW raw_data.source_files IS 'The file catalogue: one row for each version of each reading file, and what has become of its rows.

rows_in_file = rows_stored + rows_rejected + rows_redelivered + rows_replaced + rows_pending, always. Pending are
the rows of reference dates that have not been loaded since the file came.';


--
-- Name: COLUMN source_files.source_file_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.source_file_id IS 'File version.';


--
-- Name: COLUMN source_files.url; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.url IS 'Where the file was read.';


--
-- Name: COLUMN source_files.fingerprint; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.fingerprint IS 'SHA-256 of the content; null where it could not be read.';


--
-- Name: COLUMN source_files.stamp; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.stamp IS 'What the file system says of the version: size, times and identity.';


--
-- Name: COLUMN source_files.size_bytes; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.size_bytes IS 'Size. [B]';


--
-- Name: COLUMN source_files.delivered_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.delivered_at IS 'Time of delivery (UTC): the file''s modification time, but later than any earlier version''s.';


--
-- Name: COLUMN source_files.first_interval; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.first_interval IS 'Earliest accepted half hour (UTC).';


--
-- Name: COLUMN source_files.last_interval; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.last_interval IS 'Latest accepted half hour (UTC).';


--
-- Name: COLUMN source_files.rows_in_file; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.rows_in_file IS 'Rows in the file''s data; 0 where it could not be read.';


--
-- Name: COLUMN source_files.rows_rejected; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.rows_rejected IS 'Rows that are in rejected_readings.';


--
-- Name: COLUMN source_files.rows_ambiguous; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.rows_ambiguous IS 'Accepted rows in the repeated autumn hour that occur once and may mean either half hour.';


--
-- Name: COLUMN source_files.outcome; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.outcome IS 'Whether the file could be read.';


--
-- Name: COLUMN source_files.error; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.error IS 'Why the file is malformed: reason code, then the detail.';


--
-- Name: COLUMN source_files.seen_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.seen_at IS 'When the platform first saw the version (UTC).';


--
-- Name: COLUMN source_files.reference_date; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.reference_date IS 'Newest reference date the file holds; null where none.';


--
-- Name: COLUMN source_files.rows_per_reference_date; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.rows_per_reference_date IS 'Accepted rows of each reference date, as a JSON object.';


--
-- Name: COLUMN source_files.rows_stored; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.rows_stored IS 'Rows that are in raw_meter_readings.';


--
-- Name: COLUMN source_files.rows_redelivered; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.rows_redelivered IS 'Rows equal to one on record.';


--
-- Name: COLUMN source_files.rows_replaced; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.rows_replaced IS 'Rows that are in superseded_readings.';


--
-- Name: COLUMN source_files.rows_pending; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.rows_pending IS 'Rows of reference dates not loaded since the file came.';


--
-- Name: COLUMN source_files.loaded_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.source_files.loaded_at IS 'When the newest load of the file''s rows began (UTC).';


--
-- Name: superseded_readings; Type: TABLE; Schema: raw_data; Owner: -
--

CREATE TABLE raw_data.superseded_readings (
    meterpoint_id text NOT NULL COLLATE pg_catalog."C",
    interval_start timestamp with time zone NOT NULL,
    consumption_delta numeric NOT NULL,
    reference_date date NOT NULL,
    source_file_id bigint NOT NULL,
    source_position integer NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    replaced_by_source_file_id bigint NOT NULL,
    replaced_at timestamp with time zone NOT NULL,
    CONSTRAINT superseded_readings_consumption_delta_1 CHECK ((consumption_delta >= (0)::numeric)),
    CONSTRAINT superseded_readings_consumption_delta_2 CHECK ((consumption_delta <= (24)::numeric)),
    CONSTRAINT superseded_readings_source_position_1 CHECK ((source_position >= 1))
);


--
-- Name: TABLE superseded_readings; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON TABLE raw_data.superseded_readings IS 'Values that a newer delivery corrected: one row for each other value a half hour ever had.';


--
-- Name: COLUMN superseded_readings.meterpoint_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.superseded_readings.meterpoint_id IS 'Meterpoint (MPAN or its pseudonym), as delivered.';


--
-- Name: COLUMN superseded_readings.interval_start; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.superseded_readings.interval_start IS 'Start of the half hour (UTC).';


--
-- Name: COLUMN superseded_readings.consumption_delta; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.superseded_readings.consumption_delta IS 'The value that was replaced. [kWh]';


--
-- Name: COLUMN superseded_readings.reference_date; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.superseded_readings.reference_date IS 'Local calendar day of the market that the row belongs to; the partition.';


--
-- Name: COLUMN superseded_readings.source_file_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.superseded_readings.source_file_id IS 'The file version that first delivered the replaced value.';


--
-- Name: COLUMN superseded_readings.source_position; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.superseded_readings.source_position IS 'Row number within the file''s data, counted from 1.';


--
-- Name: COLUMN superseded_readings.loaded_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.superseded_readings.loaded_at IS 'When the load that read the replaced value began (UTC).';


--
-- Name: COLUMN superseded_readings.replaced_by_source_file_id; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.superseded_readings.replaced_by_source_file_id IS 'The file version whose delivery of the half hour is newest.';


--
-- Name: COLUMN superseded_readings.replaced_at; Type: COMMENT; Schema: raw_data; Owner: -
--

COMMENT ON COLUMN raw_data.superseded_readings.replaced_at IS 'When the load that replaced the value began (UTC).';


--
-- Name: raw_meter_readings_20211030_18eb8dce7a169215; Type: TABLE; Schema: raw_data_partitions; Owner: -
--

CREATE TABLE raw_data_partitions.raw_meter_readings_20211030_18eb8dce7a169215 (
    meterpoint_id text CONSTRAINT raw_meter_readings_20211030_18eb8dce7a16_meterpoint_id_not_null NOT NULL COLLATE pg_catalog."C",
    interval_start timestamp with time zone CONSTRAINT raw_meter_readings_20211030_18eb8dce7a1_interval_start_not_null NOT NULL,
    reference_date date CONSTRAINT raw_meter_readings_20211030_18eb8dce7a1_reference_date_not_null NOT NULL,
    consumption_delta numeric CONSTRAINT raw_meter_readings_20211030_18eb8dce_consumption_delta_not_null NOT NULL,
    source_file_id bigint CONSTRAINT raw_meter_readings_20211030_18eb8dce7a1_source_file_id_not_null NOT NULL,
    source_position integer CONSTRAINT raw_meter_readings_20211030_18eb8dce7a_source_position_not_null NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT raw_meter_readings_20211030_18eb8dce7a1692_reference_date_check CHECK ((reference_date = '2021-10-30'::date)),
    CONSTRAINT raw_meter_readings_consumption_delta_1 CHECK ((consumption_delta >= (0)::numeric)),
    CONSTRAINT raw_meter_readings_consumption_delta_2 CHECK ((consumption_delta <= (24)::numeric)),
    CONSTRAINT raw_meter_readings_source_position_1 CHECK ((source_position >= 1))
);


--
-- Name: raw_meter_readings_20211031_18eb8dce853a46e3; Type: TABLE; Schema: raw_data_partitions; Owner: -
--

CREATE TABLE raw_data_partitions.raw_meter_readings_20211031_18eb8dce853a46e3 (
    meterpoint_id text CONSTRAINT raw_meter_readings_20211031_18eb8dce853a_meterpoint_id_not_null NOT NULL COLLATE pg_catalog."C",
    interval_start timestamp with time zone CONSTRAINT raw_meter_readings_20211031_18eb8dce853_interval_start_not_null NOT NULL,
    reference_date date CONSTRAINT raw_meter_readings_20211031_18eb8dce853_reference_date_not_null NOT NULL,
    consumption_delta numeric CONSTRAINT raw_meter_readings_20211031_18eb8dce_consumption_delta_not_null NOT NULL,
    source_file_id bigint CONSTRAINT raw_meter_readings_20211031_18eb8dce853_source_file_id_not_null NOT NULL,
    source_position integer CONSTRAINT raw_meter_readings_20211031_18eb8dce85_source_position_not_null NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT raw_meter_readings_20211031_18eb8dce853a46_reference_date_check CHECK ((reference_date = '2021-10-31'::date)),
    CONSTRAINT raw_meter_readings_consumption_delta_1 CHECK ((consumption_delta >= (0)::numeric)),
    CONSTRAINT raw_meter_readings_consumption_delta_2 CHECK ((consumption_delta <= (24)::numeric)),
    CONSTRAINT raw_meter_readings_source_position_1 CHECK ((source_position >= 1))
);


--
-- Name: raw_meter_readings_20211030_18eb8dce7a169215; Type: TABLE ATTACH; Schema: raw_data_partitions; Owner: -
--

ALTER TABLE ONLY raw_data.raw_meter_readings ATTACH PARTITION raw_data_partitions.raw_meter_readings_20211030_18eb8dce7a169215 FOR VALUES IN ('2021-10-30');


--
-- Name: raw_meter_readings_20211031_18eb8dce853a46e3; Type: TABLE ATTACH; Schema: raw_data_partitions; Owner: -
--

ALTER TABLE ONLY raw_data.raw_meter_readings ATTACH PARTITION raw_data_partitions.raw_meter_readings_20211031_18eb8dce853a46e3 FOR VALUES IN ('2021-10-31');


--
-- Data for Name: active_agreements; Type: TABLE DATA; Schema: analytics; Owner: -
--

INSERT INTO analytics.active_agreements VALUES
	(3, '2021-10-30', '7cef50f282', 'Outgoing Lantern 12M Fixed', false, true, true, '2026-11-26 09:19:55.289653+00'),
	(2, '2021-10-30', '9d203fa2c8', 'Lantern 12M Fixed', false, false, true, '2026-11-26 09:19:55.289653+00'),
	(6, '2021-10-30', 'c55edbbe84', 'Flexible Lantern', true, false, true, '2026-11-26 09:19:55.289653+00'),
	(3, '2021-10-31', '7cef50f282', 'Outgoing Lantern 12M Fixed', false, true, true, '2026-11-26 09:19:55.289653+00'),
	(1, '2021-10-31', '9d203fa2c8', 'Flexible Lantern', true, false, true, '2026-11-26 09:19:55.289653+00');


--
-- Data for Name: daily_product_consumption; Type: TABLE DATA; Schema: analytics; Owner: -
--

INSERT INTO analytics.daily_product_consumption VALUES
	('Flexible Lantern', '2021-10-31', '2021-10-31', false, 1, 8.34400000000000000000, '2026-11-26 09:19:56.56621+00'),
	('Flexible Lantern', '2021-10-30', '2021-10-30', false, 1, 32.87000000000000000000, '2026-11-26 09:19:56.56621+00'),
	('Lantern 12M Fixed', '2021-10-30', '2021-10-30', false, 1, 8.07645678901234568000, '2026-11-26 09:19:56.56621+00'),
	('Outgoing Lantern 12M Fixed', '2021-10-30', '2021-10-30', true, 1, 12.14300000000000000000, '2026-11-26 09:19:56.56621+00'),
	('Outgoing Lantern 12M Fixed', '2021-10-31', '2021-10-31', true, 1, 6.28500000000000000000, '2026-11-26 09:19:56.56621+00');


--
-- Data for Name: half_hourly_consumption; Type: TABLE DATA; Schema: analytics; Owner: -
--

INSERT INTO analytics.half_hourly_consumption VALUES
	('2021-10-29 23:00:00+00', '2021-10-30', 1, 4, 0.43100000000000000000, 0.43100000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-29 23:30:00+00', '2021-10-30', 2, 4, 1.88300000000000000000, 1.88300000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 00:00:00+00', '2021-10-30', 3, 4, 2.20900000000000000000, 2.20900000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 00:30:00+00', '2021-10-30', 4, 4, 2.00800000000000000000, 2.00800000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 01:00:00+00', '2021-10-30', 5, 4, 1.94500000000000000000, 1.94500000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 01:30:00+00', '2021-10-30', 6, 4, 1.95500000000000000000, 1.95500000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 02:00:00+00', '2021-10-30', 7, 4, 2.10100000000000000000, 2.10100000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 02:30:00+00', '2021-10-30', 8, 4, 2.06300000000000000000, 2.06300000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 03:00:00+00', '2021-10-30', 9, 4, 2.19300000000000000000, 2.19300000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 03:30:00+00', '2021-10-30', 10, 4, 1.96100000000000000000, 1.96100000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 04:00:00+00', '2021-10-30', 11, 4, 1.86700000000000000000, 1.86700000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 04:30:00+00', '2021-10-30', 12, 4, 2.01400000000000000000, 2.01400000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 05:00:00+00', '2021-10-30', 13, 4, 2.02600000000000000000, 2.02600000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 05:30:00+00', '2021-10-30', 14, 4, 2.10600000000000000000, 2.10600000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 06:00:00+00', '2021-10-30', 15, 4, 2.17400000000000000000, 2.17400000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 06:30:00+00', '2021-10-30', 16, 4, 0.83000000000000000000, 0.72900000000000000000, 0.101, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 07:00:00+00', '2021-10-30', 17, 4, 1.48100000000000000000, 1.18800000000000000000, 0.293, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 07:30:00+00', '2021-10-30', 18, 4, 2.02900000000000000000, 1.62300000000000000000, 0.406, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 08:00:00+00', '2021-10-30', 19, 4, 3.20600000000000000000, 1.57700000000000000000, 1.629, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 08:30:00+00', '2021-10-30', 20, 4, 1.77300000000000000000, 1.22800000000000000000, 0.545, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 09:00:00+00', '2021-10-30', 21, 4, 1.41900000000000000000, 0.98800000000000000000, 0.431, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 09:30:00+00', '2021-10-30', 22, 4, 1.06400000000000000000, 0.62300000000000000000, 0.441, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 10:00:00+00', '2021-10-30', 23, 4, 1.84300000000000000000, 0.64300000000000000000, 1.200, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 10:30:00+00', '2021-10-30', 24, 4, 1.16900000000000000000, 0.64200000000000000000, 0.527, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 11:00:00+00', '2021-10-30', 25, 4, 2.03600000000000000000, 1.15600000000000000000, 0.880, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 11:30:00+00', '2021-10-30', 26, 4, 1.25100000000000000000, 0.56100000000000000000, 0.690, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 12:00:00+00', '2021-10-30', 27, 4, 1.47700000000000000000, 0.55300000000000000000, 0.924, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 12:30:00+00', '2021-10-30', 28, 4, 1.21400000000000000000, 0.70300000000000000000, 0.511, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 13:00:00+00', '2021-10-30', 29, 4, 1.67300000000000000000, 0.63300000000000000000, 1.040, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 13:30:00+00', '2021-10-30', 30, 4, 1.38600000000000000000, 0.87900000000000000000, 0.507, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 14:00:00+00', '2021-10-30', 31, 4, 1.19100000000000000000, 0.58100000000000000000, 0.610, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 14:30:00+00', '2021-10-30', 32, 4, 1.58900000000000000000, 0.96400000000000000000, 0.625, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 15:00:00+00', '2021-10-30', 33, 4, 2.18900000000000000000, 1.88800000000000000000, 0.301, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 15:30:00+00', '2021-10-30', 34, 4, 2.14500000000000000000, 1.77800000000000000000, 0.367, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 16:00:00+00', '2021-10-30', 35, 4, 2.12645678901234568000, 2.01145678901234568000, 0.115, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 16:30:00+00', '2021-10-30', 36, 4, 2.42700000000000000000, 2.42700000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 17:00:00+00', '2021-10-30', 37, 5, 15.44200000000000000000, 15.44200000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 17:30:00+00', '2021-10-30', 38, 4, 2.28400000000000000000, 2.28400000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 18:00:00+00', '2021-10-30', 39, 4, 2.06100000000000000000, 2.06100000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 18:30:00+00', '2021-10-30', 40, 4, 1.90000000000000000000, 1.90000000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 19:00:00+00', '2021-10-30', 41, 4, 1.22200000000000000000, 1.22200000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 19:30:00+00', '2021-10-30', 42, 4, 1.39200000000000000000, 1.39200000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 20:00:00+00', '2021-10-30', 43, 4, 0.68000000000000000000, 0.68000000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 20:30:00+00', '2021-10-30', 44, 4, 0.68500000000000000000, 0.68500000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 21:00:00+00', '2021-10-30', 45, 4, 0.42400000000000000000, 0.42400000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 21:30:00+00', '2021-10-30', 46, 4, 0.54300000000000000000, 0.54300000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 22:00:00+00', '2021-10-30', 47, 4, 0.42700000000000000000, 0.42700000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 22:30:00+00', '2021-10-30', 48, 4, 0.42500000000000000000, 0.42500000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 23:00:00+00', '2021-10-31', 1, 4, 0.36700000000000000000, 0.36700000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-30 23:30:00+00', '2021-10-31', 2, 4, 2.02700000000000000000, 2.02700000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 00:00:00+00', '2021-10-31', 3, 4, 1.94500000000000000000, 1.94500000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 00:30:00+00', '2021-10-31', 4, 4, 2.00700000000000000000, 2.00700000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 01:00:00+00', '2021-10-31', 5, 4, 1.92600000000000000000, 1.92600000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 01:30:00+00', '2021-10-31', 6, 4, 2.12000000000000000000, 2.12000000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 02:00:00+00', '2021-10-31', 7, 4, 2.04700000000000000000, 2.04700000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 02:30:00+00', '2021-10-31', 8, 4, 1.97300000000000000000, 1.97300000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 03:00:00+00', '2021-10-31', 9, 4, 1.90100000000000000000, 1.90100000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 03:30:00+00', '2021-10-31', 10, 4, 1.90800000000000000000, 1.90800000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 04:00:00+00', '2021-10-31', 11, 4, 1.98500000000000000000, 1.98500000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 04:30:00+00', '2021-10-31', 12, 4, 2.12200000000000000000, 2.12200000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 05:00:00+00', '2021-10-31', 13, 4, 1.92300000000000000000, 1.92300000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 05:30:00+00', '2021-10-31', 14, 4, 1.97100000000000000000, 1.97100000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 06:00:00+00', '2021-10-31', 15, 4, 1.83400000000000000000, 1.83400000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 06:30:00+00', '2021-10-31', 16, 4, 2.05900000000000000000, 2.05900000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 07:00:00+00', '2021-10-31', 17, 4, 2.14500000000000000000, 2.14500000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 07:30:00+00', '2021-10-31', 18, 4, 0.92300000000000000000, 0.87900000000000000000, 0.044, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 08:00:00+00', '2021-10-31', 19, 4, 0.91300000000000000000, 0.86100000000000000000, 0.052, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 08:30:00+00', '2021-10-31', 20, 4, 2.31800000000000000000, 2.19600000000000000000, 0.122, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 09:00:00+00', '2021-10-31', 21, 4, 1.24400000000000000000, 1.06900000000000000000, 0.175, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 09:30:00+00', '2021-10-31', 22, 4, 1.29000000000000000000, 1.15000000000000000000, 0.140, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 10:00:00+00', '2021-10-31', 23, 4, 1.54200000000000000000, 1.04500000000000000000, 0.497, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 10:30:00+00', '2021-10-31', 24, 4, 1.63700000000000000000, 0.92600000000000000000, 0.711, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 11:00:00+00', '2021-10-31', 25, 4, 1.16600000000000000000, 0.81600000000000000000, 0.350, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 11:30:00+00', '2021-10-31', 26, 4, 1.03000000000000000000, 0.56400000000000000000, 0.466, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 12:00:00+00', '2021-10-31', 27, 4, 0.77800000000000000000, 0.46800000000000000000, 0.310, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 12:30:00+00', '2021-10-31', 28, 4, 1.10900000000000000000, 0.75300000000000000000, 0.356, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 13:00:00+00', '2021-10-31', 29, 4, 1.18900000000000000000, 0.56900000000000000000, 0.620, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 13:30:00+00', '2021-10-31', 30, 4, 1.08200000000000000000, 0.56200000000000000000, 0.520, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 14:00:00+00', '2021-10-31', 31, 4, 1.14800000000000000000, 0.81300000000000000000, 0.335, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 14:30:00+00', '2021-10-31', 32, 4, 1.14100000000000000000, 0.69900000000000000000, 0.442, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 15:00:00+00', '2021-10-31', 33, 4, 1.07900000000000000000, 0.76700000000000000000, 0.312, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 15:30:00+00', '2021-10-31', 34, 4, 1.14600000000000000000, 0.75100000000000000000, 0.395, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 16:00:00+00', '2021-10-31', 35, 4, 1.29800000000000000000, 1.13300000000000000000, 0.165, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 16:30:00+00', '2021-10-31', 36, 4, 1.94200000000000000000, 1.80700000000000000000, 0.135, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 17:00:00+00', '2021-10-31', 37, 4, 2.29300000000000000000, 2.15500000000000000000, 0.138, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 17:30:00+00', '2021-10-31', 38, 4, 1.27400000000000000000, 1.27400000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 18:00:00+00', '2021-10-31', 39, 4, 1.69500000000000000000, 1.69500000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 18:30:00+00', '2021-10-31', 40, 4, 2.93400000000000000000, 2.93400000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 19:00:00+00', '2021-10-31', 41, 4, 2.44800000000000000000, 2.44800000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 19:30:00+00', '2021-10-31', 42, 4, 1.19700000000000000000, 1.19700000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 20:00:00+00', '2021-10-31', 43, 4, 0.90200000000000000000, 0.90200000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 20:30:00+00', '2021-10-31', 44, 4, 0.91000000000000000000, 0.91000000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 21:00:00+00', '2021-10-31', 45, 4, 0.82200000000000000000, 0.82200000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 21:30:00+00', '2021-10-31', 46, 4, 0.71900000000000000000, 0.71900000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 22:00:00+00', '2021-10-31', 47, 4, 0.66700000000000000000, 0.66700000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 22:30:00+00', '2021-10-31', 48, 4, 0.23100000000000000000, 0.23100000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 23:00:00+00', '2021-10-31', 49, 4, 0.24700000000000000000, 0.24700000000000000000, 0.000, '2026-11-26 09:19:56.155758+00'),
	('2021-10-31 23:30:00+00', '2021-10-31', 50, 4, 0.54300000000000000000, 0.54300000000000000000, 0.000, '2026-11-26 09:19:56.155758+00');


--
-- Data for Name: meterpoint_completeness; Type: TABLE DATA; Schema: analytics; Owner: -
--

INSERT INTO analytics.meterpoint_completeness VALUES
	('c55edbbe84', '2021-10-30', 48, 48, 0, 0, false, 32.87000000000000000000, '2026-11-26 09:19:55.750583+00'),
	('8dd5e0b57c', '2021-10-31', 50, 50, 0, 0, false, 23.54000000000000000000, '2026-11-26 09:19:55.750583+00'),
	('7cef50f282', '2021-10-31', 50, 50, 0, 30, false, 6.28500000000000000000, '2026-11-26 09:19:55.750583+00'),
	('9d203fa2c8', '2021-10-31', 50, 50, 0, 0, false, 8.34400000000000000000, '2026-11-26 09:19:55.750583+00'),
	('7cef50f282', '2021-10-30', 48, 48, 0, 28, false, 12.14300000000000000000, '2026-11-26 09:19:55.750583+00'),
	('c55edbbe84', '2021-10-31', 50, 50, 0, 0, false, 34.94800000000000000000, '2026-11-26 09:19:55.750583+00'),
	('9d203fa2c8', '2021-10-30', 48, 48, 5, 0, false, 8.07645678901234568000, '2026-11-26 09:19:55.750583+00'),
	('8dd5e0b57c', '2021-10-30', 48, 48, 0, 0, false, 26.35000000000000000000, '2026-11-26 09:19:55.750583+00'),
	('unknown-meter', '2021-10-30', 48, 1, 0, 0, false, 12.50000000000000000000, '2026-11-26 09:19:55.750583+00');


--
-- Data for Name: unattributed_consumption; Type: TABLE DATA; Schema: analytics; Owner: -
--

INSERT INTO analytics.unattributed_consumption VALUES
	('8dd5e0b57c', '2021-10-31', 23.540, 50, 'no_agreement', NULL, '2026-11-26 09:19:56.87844+00'),
	('c55edbbe84', '2021-10-31', 34.948, 50, 'ended', 0, '2026-11-26 09:19:56.87844+00'),
	('8dd5e0b57c', '2021-10-30', 26.350, 48, 'no_agreement', NULL, '2026-11-26 09:19:56.87844+00'),
	('unknown-meter', '2021-10-30', 12.500, 1, 'no_agreement', NULL, '2026-11-26 09:19:56.87844+00');


--
-- Data for Name: raw_agreements; Type: TABLE DATA; Schema: raw_data; Owner: -
--

INSERT INTO raw_data.raw_agreements VALUES
	(1, '2021-10-30', '2021-10-31', NULL, '63bc707c3c', '9d203fa2c8', '3abf46a6c4', '2026-11-26 09:19:54.030262+00'),
	(2, '2021-10-30', '2020-10-31', '2021-10-31', 'b6acf24713', '9d203fa2c8', '3abf46a6c4', '2026-11-26 09:19:54.030262+00'),
	(3, '2021-10-30', '2020-11-13', '2021-11-13', '3e926d0d69', '7cef50f282', '3abf46a6c4', '2026-11-26 09:19:54.030262+00'),
	(4, '2021-10-30', '2019-11-13', '2020-11-13', '3e926d0d69', '7cef50f282', '3abf46a6c4', '2026-11-26 09:19:54.030262+00'),
	(5, '2021-10-30', '2021-11-01', NULL, '77484c02a7', 'c55edbbe84', '388edd1569', '2026-11-26 09:19:54.030262+00'),
	(6, '2021-10-30', '2019-07-06', '2021-10-31', 'b301954ae1', 'c55edbbe84', '388edd1569', '2026-11-26 09:19:54.030262+00'),
	(1, '2021-10-31', '2021-10-31', NULL, '63bc707c3c', '9d203fa2c8', '3abf46a6c4', '2026-11-26 09:19:54.030262+00'),
	(2, '2021-10-31', '2020-10-31', '2021-10-31', 'b6acf24713', '9d203fa2c8', '3abf46a6c4', '2026-11-26 09:19:54.030262+00'),
	(3, '2021-10-31', '2020-11-13', '2021-11-13', '3e926d0d69', '7cef50f282', '3abf46a6c4', '2026-11-26 09:19:54.030262+00'),
	(4, '2021-10-31', '2019-11-13', '2020-11-13', '3e926d0d69', '7cef50f282', '3abf46a6c4', '2026-11-26 09:19:54.030262+00'),
	(5, '2021-10-31', '2021-11-01', NULL, '77484c02a7', 'c55edbbe84', '388edd1569', '2026-11-26 09:19:54.030262+00'),
	(6, '2021-10-31', '2019-07-06', '2021-10-31', 'b301954ae1', 'c55edbbe84', '388edd1569', '2026-11-26 09:19:54.030262+00');


--
-- Data for Name: raw_meterpoints; Type: TABLE DATA; Schema: raw_data; Owner: -
--

INSERT INTO raw_data.raw_meterpoints VALUES
	('9d203fa2c8', '2021-10-30', 'Eastern', '2026-11-26 09:19:54.668738+00'),
	('7cef50f282', '2021-10-30', 'East Midlands', '2026-11-26 09:19:54.668738+00'),
	('8dd5e0b57c', '2021-10-30', 'London', '2026-11-26 09:19:54.668738+00'),
	('c55edbbe84', '2021-10-30', 'Merseyside and North Wales', '2026-11-26 09:19:54.668738+00'),
	('9d203fa2c8', '2021-10-31', 'Eastern', '2026-11-26 09:19:54.668738+00'),
	('7cef50f282', '2021-10-31', 'East Midlands', '2026-11-26 09:19:54.668738+00'),
	('8dd5e0b57c', '2021-10-31', 'London', '2026-11-26 09:19:54.668738+00'),
	('c55edbbe84', '2021-10-31', 'Merseyside and North Wales', '2026-11-26 09:19:54.668738+00');


--
-- Data for Name: raw_products; Type: TABLE DATA; Schema: raw_data; Owner: -
--

INSERT INTO raw_data.raw_products VALUES
	('a2e6738097', '2021-10-30', 30, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('f95a34bc36', '2021-10-30', 37, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('cf4e1dbc9a', '2021-10-30', 44, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('b301954ae1', '2021-10-30', 51, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('63bc707c3c', '2021-10-30', 58, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('2c22c286da', '2021-10-30', 65, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('77484c02a7', '2021-10-30', 72, 'Lantern Tracker', 1, '2026-11-26 09:19:54.75644+00'),
	('8375baaa7f', '2021-10-30', 79, 'Lantern Tracker', 1, '2026-11-26 09:19:54.75644+00'),
	('04281865f3', '2021-10-30', 86, 'Lantern Tracker', 1, '2026-11-26 09:19:54.75644+00'),
	('a1764e40bf', '2021-10-30', 93, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('b6acf24713', '2021-10-30', 100, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('45546b7aa4', '2021-10-30', 107, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('d4f028c9ef', '2021-10-30', 114, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('670c34bd78', '2021-10-30', 121, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('da9c09bfa8', '2021-10-30', 128, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('ea3649675e', '2021-10-30', 135, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('1f977f2ed2', '2021-10-30', 142, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('e51fa7c4c3', '2021-10-30', 149, 'Greener Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('ada79154cf', '2021-10-30', 156, 'Greener Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('61631424b0', '2021-10-30', 163, 'Greener Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('31a26900cf', '2021-10-30', 170, 'Loyal Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('929c817743', '2021-10-30', 177, 'Loyal Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('83819e80ee', '2021-10-30', 184, 'Lantern Night Saver', 1, '2026-11-26 09:19:54.75644+00'),
	('238f92e1d1', '2021-10-30', 191, 'Lantern Night Saver', 1, '2026-11-26 09:19:54.75644+00'),
	('bdfdcf1e66', '2021-10-30', 198, 'Lantern Drive', 1, '2026-11-26 09:19:54.75644+00'),
	('cb8f08241c', '2021-10-30', 205, 'Lantern Drive', 1, '2026-11-26 09:19:54.75644+00'),
	('b54e778736', '2021-10-30', 212, 'Outgoing Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('3e926d0d69', '2021-10-30', 219, 'Outgoing Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('a2e6738097', '2021-10-31', 30, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('f95a34bc36', '2021-10-31', 37, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('cf4e1dbc9a', '2021-10-31', 44, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('b301954ae1', '2021-10-31', 51, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('63bc707c3c', '2021-10-31', 58, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('2c22c286da', '2021-10-31', 65, 'Flexible Lantern', 1, '2026-11-26 09:19:54.75644+00'),
	('77484c02a7', '2021-10-31', 72, 'Lantern Tracker', 1, '2026-11-26 09:19:54.75644+00'),
	('8375baaa7f', '2021-10-31', 79, 'Lantern Tracker', 1, '2026-11-26 09:19:54.75644+00'),
	('04281865f3', '2021-10-31', 86, 'Lantern Tracker', 1, '2026-11-26 09:19:54.75644+00'),
	('a1764e40bf', '2021-10-31', 93, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('b6acf24713', '2021-10-31', 100, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('45546b7aa4', '2021-10-31', 107, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('d4f028c9ef', '2021-10-31', 114, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('670c34bd78', '2021-10-31', 121, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('da9c09bfa8', '2021-10-31', 128, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('ea3649675e', '2021-10-31', 135, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('1f977f2ed2', '2021-10-31', 142, 'Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('e51fa7c4c3', '2021-10-31', 149, 'Greener Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('ada79154cf', '2021-10-31', 156, 'Greener Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('61631424b0', '2021-10-31', 163, 'Greener Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('31a26900cf', '2021-10-31', 170, 'Loyal Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('929c817743', '2021-10-31', 177, 'Loyal Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('83819e80ee', '2021-10-31', 184, 'Lantern Night Saver', 1, '2026-11-26 09:19:54.75644+00'),
	('238f92e1d1', '2021-10-31', 191, 'Lantern Night Saver', 1, '2026-11-26 09:19:54.75644+00'),
	('bdfdcf1e66', '2021-10-31', 198, 'Lantern Drive', 1, '2026-11-26 09:19:54.75644+00'),
	('cb8f08241c', '2021-10-31', 205, 'Lantern Drive', 1, '2026-11-26 09:19:54.75644+00'),
	('b54e778736', '2021-10-31', 212, 'Outgoing Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00'),
	('3e926d0d69', '2021-10-31', 219, 'Outgoing Lantern 12M Fixed', 0, '2026-11-26 09:19:54.75644+00');


--
-- Data for Name: redelivered_readings; Type: TABLE DATA; Schema: raw_data; Owner: -
--

INSERT INTO raw_data.redelivered_readings VALUES
	('9d203fa2c8', '2021-10-29 23:30:00+00', 0.05900000000000000000, '2021-10-30', 5, 2, '2026-11-26 09:19:54.253222+00');


--
-- Data for Name: rejected_readings; Type: TABLE DATA; Schema: raw_data; Owner: -
--

INSERT INTO raw_data.rejected_readings VALUES
	(5, 3, '2021-10-30', '9d203fa2c8', '["2021-10-30 12:37:27", 0.1, "9d203fa2c8"]', 'off_grid', 'interval_start is not on the half hour', '2026-11-26 09:19:54.253222+00'),
	(5, 4, '2021-10-30', '9d203fa2c8', '["2021-10-30 13:00:00", -1, "9d203fa2c8"]', 'negative', 'consumption_delta is below 0 kWh on an import register', '2026-11-26 09:19:54.253222+00'),
	(5, 5, '2021-10-30', '9d203fa2c8', '["2021-10-30 13:30:00", 16777.215, "9d203fa2c8"]', 'sentinel', 'consumption_delta is at least 16777.215 kWh: the meter''s sign for no value', '2026-11-26 09:19:54.253222+00'),
	(5, 6, '2021-10-30', '9d203fa2c8', '["2021-10-30 14:00:00", 99, "9d203fa2c8"]', 'impossible', 'consumption_delta is above 24 kWh, more than a home can use', '2026-11-26 09:19:54.253222+00'),
	(5, 7, '2020-12-31', '9d203fa2c8', '["2020-12-31 00:00:00", 0.1, "9d203fa2c8"]', 'before_first_date', '2020-12-31 is before 2021-01-01, the first reference date kept', '2026-11-26 09:19:54.253222+00'),
	(5, 8, '2030-01-01', '9d203fa2c8', '["2030-01-01 00:00:00", 0.1, "9d203fa2c8"]', 'future', '2030-01-01 had not begun on 2026-11-26, when the file was first seen', '2026-11-26 09:19:54.253222+00'),
	(5, 9, '2021-03-28', '9d203fa2c8', '["2021-03-28 01:00:00", 0.1, "9d203fa2c8"]', 'nonexistent_time', 'the clocks skip this time in spring', '2026-11-26 09:19:54.253222+00'),
	(5, 10, '2021-10-30', '9d203fa2c8', '["2021-10-30 15:00:00", "Null", "9d203fa2c8"]', 'not_a_number', 'consumption_delta is not a decimal number', '2026-11-26 09:19:54.253222+00'),
	(5, 11, NULL, '9d203fa2c8', '["when", 0.1, "9d203fa2c8"]', 'bad_time', 'interval_start is not a time such as 2021-01-31 00:30:00', '2026-11-26 09:19:54.253222+00'),
	(5, 12, NULL, NULL, '["2021-10-30 16:00:00", 0.1, ""]', 'bad_meterpoint', 'meterpoint_id is no text of 1 to 64 printable characters', '2026-11-26 09:19:54.253222+00'),
	(5, 13, NULL, NULL, '[1, 2]', 'not_a_row', 'the row is not a list of 3 values', '2026-11-26 09:19:54.253222+00');


--
-- Data for Name: source_file_dates; Type: TABLE DATA; Schema: raw_data; Owner: -
--

INSERT INTO raw_data.source_file_dates VALUES
	(4, '2021-11-01', 192, 0, 0, 0, NULL),
	(1, '2021-10-30', 192, 190, 0, 2, '2026-11-26 09:19:54.253222+00'),
	(5, '2021-10-30', 4, 3, 1, 0, '2026-11-26 09:19:54.253222+00'),
	(2, '2021-10-31', 200, 200, 0, 0, '2026-11-26 09:19:54.253222+00');


--
-- Data for Name: source_file_versions; Type: TABLE DATA; Schema: raw_data; Owner: -
--

INSERT INTO raw_data.source_file_versions VALUES
	(1, 'file:///data/readings/2021-10-30.json', '92119080f70455777fb662231e1cca8af44c14f24f87f4673346d5fb4d741db9', '8250-1635700000000000000-1795684780514884598-2163042', 8250, '2021-10-31 17:06:40+00', '2021-10-29 23:00:00+00', '2021-10-30 22:30:00+00', 192, 0, 0, 'read', NULL, '2026-11-26 09:19:54.253222+00'),
	(2, 'file:///data/readings/2021-10-31.json', '5ded02b0cc3d9755e53fe22936d60d08fcfce07cad593823f3a0d971e249c684', '14823-1635786400000000000-1795684780514884598-2163058', 14823, '2021-11-01 17:06:40+00', '2021-10-30 23:00:00+00', '2021-10-31 23:30:00+00', 200, 0, 0, 'read', NULL, '2026-11-26 09:19:54.253222+00'),
	(3, 'file:///data/readings/broken.json', NULL, '29-1635800000000000000-1795684780514884598-2163074', 29, '2021-11-01 20:53:20+00', NULL, NULL, 0, 0, 0, 'malformed', 'truncated: line 1, column 30: Expecting '','' delimiter', '2026-11-26 09:19:54.253222+00'),
	(4, 'file:///data/readings/2021-11-01.json', '198358d53b0fd1cf8b073be2ebdc484fa9ae738bc5642bd3847404970ae005c5', '8256-1635872800000000000-1795684780514884598-2163090', 8256, '2021-11-02 17:06:40+00', '2021-11-01 00:00:00+00', '2021-11-01 23:30:00+00', 192, 0, 0, 'read', NULL, '2026-11-26 09:19:54.253222+00'),
	(5, 'file:///data/readings/late.json', '876d4a1dde258469d7e132b5254ccc3b0878ee5243ae5671b250fbde14cd0610', '709-1635959200000000000-1795684780514884598-2163026', 709, '2021-11-03 17:06:40+00', '2021-10-29 23:00:00+00', '2021-10-30 17:00:00+00', 15, 11, 0, 'read', NULL, '2026-11-26 09:19:54.253222+00');


--
-- Data for Name: superseded_readings; Type: TABLE DATA; Schema: raw_data; Owner: -
--

INSERT INTO raw_data.superseded_readings VALUES
	('9d203fa2c8', '2021-10-29 23:00:00+00', 0.080, '2021-10-30', 1, 1, '2026-11-26 09:19:54.253222+00', 5, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 16:00:00+00', 0.595, '2021-10-30', 1, 35, '2026-11-26 09:19:54.253222+00', 5, '2026-11-26 09:19:54.253222+00');


--
-- Data for Name: raw_meter_readings_20211030_18eb8dce7a169215; Type: TABLE DATA; Schema: raw_data_partitions; Owner: -
--

INSERT INTO raw_data_partitions.raw_meter_readings_20211030_18eb8dce7a169215 VALUES
	('9d203fa2c8', '2021-10-30 00:00:00+00', '2021-10-30', 0.082, 1, 3, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 00:30:00+00', '2021-10-30', 0.093, 1, 4, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 01:00:00+00', '2021-10-30', 0.055, 1, 5, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 01:30:00+00', '2021-10-30', 0.055, 1, 6, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 02:00:00+00', '2021-10-30', 0.035, 1, 7, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 02:30:00+00', '2021-10-30', 0.072, 1, 8, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 03:00:00+00', '2021-10-30', 0.029, 1, 9, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 03:30:00+00', '2021-10-30', 0.064, 1, 10, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 04:00:00+00', '2021-10-30', 0.066, 1, 11, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 04:30:00+00', '2021-10-30', 0.058, 1, 12, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 05:00:00+00', '2021-10-30', 0.070, 1, 13, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 05:30:00+00', '2021-10-30', 0.064, 1, 14, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 06:00:00+00', '2021-10-30', 0.111, 1, 15, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 06:30:00+00', '2021-10-30', 0.173, 1, 16, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 07:00:00+00', '2021-10-30', 0.336, 1, 17, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 07:30:00+00', '2021-10-30', 0.294, 1, 18, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 08:00:00+00', '2021-10-30', 0.276, 1, 19, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 08:30:00+00', '2021-10-30', 0.133, 1, 20, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 09:00:00+00', '2021-10-30', 0.176, 1, 21, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 09:30:00+00', '2021-10-30', 0.125, 1, 22, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 10:00:00+00', '2021-10-30', 0.089, 1, 23, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 10:30:00+00', '2021-10-30', 0.173, 1, 24, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 11:00:00+00', '2021-10-30', 0.066, 1, 25, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 11:30:00+00', '2021-10-30', 0.179, 1, 26, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 12:00:00+00', '2021-10-30', 0.079, 1, 27, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 12:30:00+00', '2021-10-30', 0.061, 1, 28, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 13:00:00+00', '2021-10-30', 0.113, 1, 29, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 13:30:00+00', '2021-10-30', 0.126, 1, 30, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 14:00:00+00', '2021-10-30', 0.092, 1, 31, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 14:30:00+00', '2021-10-30', 0.284, 1, 32, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 15:00:00+00', '2021-10-30', 0.311, 1, 33, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 15:30:00+00', '2021-10-30', 0.242, 1, 34, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 16:30:00+00', '2021-10-30', 0.403, 1, 36, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 17:00:00+00', '2021-10-30', 0.596, 1, 37, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 17:30:00+00', '2021-10-30', 0.574, 1, 38, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 18:00:00+00', '2021-10-30', 0.380, 1, 39, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 18:30:00+00', '2021-10-30', 0.223, 1, 40, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 19:00:00+00', '2021-10-30', 0.169, 1, 41, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 19:30:00+00', '2021-10-30', 0.500, 1, 42, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 20:00:00+00', '2021-10-30', 0.271, 1, 43, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 20:30:00+00', '2021-10-30', 0.170, 1, 44, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 21:00:00+00', '2021-10-30', 0.080, 1, 45, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 21:30:00+00', '2021-10-30', 0.073, 1, 46, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 22:00:00+00', '2021-10-30', 0.056, 1, 47, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 22:30:00+00', '2021-10-30', 0.106, 1, 48, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-29 23:00:00+00', '2021-10-30', 0.000, 1, 49, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-29 23:30:00+00', '2021-10-30', 0.000, 1, 50, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 00:00:00+00', '2021-10-30', 0.000, 1, 51, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 00:30:00+00', '2021-10-30', 0.000, 1, 52, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 01:00:00+00', '2021-10-30', 0.000, 1, 53, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 01:30:00+00', '2021-10-30', 0.000, 1, 54, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 02:00:00+00', '2021-10-30', 0.000, 1, 55, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 02:30:00+00', '2021-10-30', 0.000, 1, 56, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 03:00:00+00', '2021-10-30', 0.000, 1, 57, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 03:30:00+00', '2021-10-30', 0.000, 1, 58, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 04:00:00+00', '2021-10-30', 0.000, 1, 59, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 04:30:00+00', '2021-10-30', 0.000, 1, 60, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 05:00:00+00', '2021-10-30', 0.000, 1, 61, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 05:30:00+00', '2021-10-30', 0.000, 1, 62, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 06:00:00+00', '2021-10-30', 0.000, 1, 63, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 06:30:00+00', '2021-10-30', 0.101, 1, 64, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 07:00:00+00', '2021-10-30', 0.293, 1, 65, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 07:30:00+00', '2021-10-30', 0.406, 1, 66, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 08:00:00+00', '2021-10-30', 1.629, 1, 67, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 08:30:00+00', '2021-10-30', 0.545, 1, 68, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 09:00:00+00', '2021-10-30', 0.431, 1, 69, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 09:30:00+00', '2021-10-30', 0.441, 1, 70, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 10:00:00+00', '2021-10-30', 1.200, 1, 71, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 10:30:00+00', '2021-10-30', 0.527, 1, 72, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 11:00:00+00', '2021-10-30', 0.880, 1, 73, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 11:30:00+00', '2021-10-30', 0.690, 1, 74, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 12:00:00+00', '2021-10-30', 0.924, 1, 75, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 12:30:00+00', '2021-10-30', 0.511, 1, 76, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 13:00:00+00', '2021-10-30', 1.040, 1, 77, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 13:30:00+00', '2021-10-30', 0.507, 1, 78, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 14:00:00+00', '2021-10-30', 0.610, 1, 79, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 14:30:00+00', '2021-10-30', 0.625, 1, 80, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 15:00:00+00', '2021-10-30', 0.301, 1, 81, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 15:30:00+00', '2021-10-30', 0.367, 1, 82, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 16:00:00+00', '2021-10-30', 0.115, 1, 83, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 16:30:00+00', '2021-10-30', 0.000, 1, 84, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 17:00:00+00', '2021-10-30', 0.000, 1, 85, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 17:30:00+00', '2021-10-30', 0.000, 1, 86, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 18:00:00+00', '2021-10-30', 0.000, 1, 87, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 18:30:00+00', '2021-10-30', 0.000, 1, 88, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 19:00:00+00', '2021-10-30', 0.000, 1, 89, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 19:30:00+00', '2021-10-30', 0.000, 1, 90, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 20:00:00+00', '2021-10-30', 0.000, 1, 91, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 20:30:00+00', '2021-10-30', 0.000, 1, 92, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 21:00:00+00', '2021-10-30', 0.000, 1, 93, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 21:30:00+00', '2021-10-30', 0.000, 1, 94, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 22:00:00+00', '2021-10-30', 0.000, 1, 95, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 22:30:00+00', '2021-10-30', 0.000, 1, 96, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-29 23:00:00+00', '2021-10-30', 0.265, 1, 97, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-29 23:30:00+00', '2021-10-30', 0.107, 1, 98, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 00:00:00+00', '2021-10-30', 0.321, 1, 99, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 00:30:00+00', '2021-10-30', 0.227, 1, 100, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 01:00:00+00', '2021-10-30', 0.198, 1, 101, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 01:30:00+00', '2021-10-30', 0.239, 1, 102, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 02:00:00+00', '2021-10-30', 0.328, 1, 103, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 02:30:00+00', '2021-10-30', 0.260, 1, 104, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 03:00:00+00', '2021-10-30', 0.399, 1, 105, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 03:30:00+00', '2021-10-30', 0.241, 1, 106, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 04:00:00+00', '2021-10-30', 0.120, 1, 107, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 04:30:00+00', '2021-10-30', 0.275, 1, 108, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 05:00:00+00', '2021-10-30', 0.223, 1, 109, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 05:30:00+00', '2021-10-30', 0.344, 1, 110, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 06:00:00+00', '2021-10-30', 0.344, 1, 111, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 06:30:00+00', '2021-10-30', 0.470, 1, 112, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 07:00:00+00', '2021-10-30', 0.481, 1, 113, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 07:30:00+00', '2021-10-30', 1.207, 1, 114, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 08:00:00+00', '2021-10-30', 0.869, 1, 115, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 08:30:00+00', '2021-10-30', 0.687, 1, 116, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 09:00:00+00', '2021-10-30', 0.479, 1, 117, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 09:30:00+00', '2021-10-30', 0.379, 1, 118, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 10:00:00+00', '2021-10-30', 0.326, 1, 119, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 10:30:00+00', '2021-10-30', 0.252, 1, 120, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 11:00:00+00', '2021-10-30', 0.908, 1, 121, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 11:30:00+00', '2021-10-30', 0.191, 1, 122, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 12:00:00+00', '2021-10-30', 0.391, 1, 123, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 12:30:00+00', '2021-10-30', 0.527, 1, 124, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 13:00:00+00', '2021-10-30', 0.357, 1, 125, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 13:30:00+00', '2021-10-30', 0.438, 1, 126, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 14:00:00+00', '2021-10-30', 0.252, 1, 127, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 14:30:00+00', '2021-10-30', 0.542, 1, 128, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 15:00:00+00', '2021-10-30', 1.239, 1, 129, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 15:30:00+00', '2021-10-30', 1.205, 1, 130, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 16:00:00+00', '2021-10-30', 1.477, 1, 131, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 16:30:00+00', '2021-10-30', 1.564, 1, 132, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 17:00:00+00', '2021-10-30', 1.750, 1, 133, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 17:30:00+00', '2021-10-30', 1.232, 1, 134, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 18:00:00+00', '2021-10-30', 1.052, 1, 135, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 18:30:00+00', '2021-10-30', 1.356, 1, 136, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 19:00:00+00', '2021-10-30', 0.523, 1, 137, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 19:30:00+00', '2021-10-30', 0.600, 1, 138, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 20:00:00+00', '2021-10-30', 0.219, 1, 139, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 20:30:00+00', '2021-10-30', 0.413, 1, 140, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 21:00:00+00', '2021-10-30', 0.264, 1, 141, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 21:30:00+00', '2021-10-30', 0.290, 1, 142, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 22:00:00+00', '2021-10-30', 0.266, 1, 143, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 22:30:00+00', '2021-10-30', 0.253, 1, 144, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-29 23:00:00+00', '2021-10-30', 0.055, 1, 145, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-29 23:30:00+00', '2021-10-30', 1.717, 1, 146, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 00:00:00+00', '2021-10-30', 1.806, 1, 147, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 00:30:00+00', '2021-10-30', 1.688, 1, 148, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 01:00:00+00', '2021-10-30', 1.692, 1, 149, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 01:30:00+00', '2021-10-30', 1.661, 1, 150, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 02:00:00+00', '2021-10-30', 1.738, 1, 151, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 02:30:00+00', '2021-10-30', 1.731, 1, 152, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 03:00:00+00', '2021-10-30', 1.765, 1, 153, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 03:30:00+00', '2021-10-30', 1.656, 1, 154, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 04:00:00+00', '2021-10-30', 1.681, 1, 155, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 04:30:00+00', '2021-10-30', 1.681, 1, 156, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 05:00:00+00', '2021-10-30', 1.733, 1, 157, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 05:30:00+00', '2021-10-30', 1.698, 1, 158, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 06:00:00+00', '2021-10-30', 1.719, 1, 159, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 06:30:00+00', '2021-10-30', 0.086, 1, 160, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 07:00:00+00', '2021-10-30', 0.371, 1, 161, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 07:30:00+00', '2021-10-30', 0.122, 1, 162, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 08:00:00+00', '2021-10-30', 0.432, 1, 163, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 08:30:00+00', '2021-10-30', 0.408, 1, 164, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 09:00:00+00', '2021-10-30', 0.333, 1, 165, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 09:30:00+00', '2021-10-30', 0.119, 1, 166, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 10:00:00+00', '2021-10-30', 0.228, 1, 167, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 10:30:00+00', '2021-10-30', 0.217, 1, 168, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 11:00:00+00', '2021-10-30', 0.182, 1, 169, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 11:30:00+00', '2021-10-30', 0.191, 1, 170, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 12:00:00+00', '2021-10-30', 0.083, 1, 171, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 12:30:00+00', '2021-10-30', 0.115, 1, 172, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 13:00:00+00', '2021-10-30', 0.163, 1, 173, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 13:30:00+00', '2021-10-30', 0.315, 1, 174, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 14:00:00+00', '2021-10-30', 0.237, 1, 175, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 14:30:00+00', '2021-10-30', 0.138, 1, 176, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 15:00:00+00', '2021-10-30', 0.338, 1, 177, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 15:30:00+00', '2021-10-30', 0.331, 1, 178, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 16:00:00+00', '2021-10-30', 0.411, 1, 179, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 16:30:00+00', '2021-10-30', 0.460, 1, 180, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 17:00:00+00', '2021-10-30', 0.596, 1, 181, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 17:30:00+00', '2021-10-30', 0.478, 1, 182, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 18:00:00+00', '2021-10-30', 0.629, 1, 183, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 18:30:00+00', '2021-10-30', 0.321, 1, 184, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 19:00:00+00', '2021-10-30', 0.530, 1, 185, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 19:30:00+00', '2021-10-30', 0.292, 1, 186, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 20:00:00+00', '2021-10-30', 0.190, 1, 187, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 20:30:00+00', '2021-10-30', 0.102, 1, 188, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 21:00:00+00', '2021-10-30', 0.080, 1, 189, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 21:30:00+00', '2021-10-30', 0.180, 1, 190, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 22:00:00+00', '2021-10-30', 0.105, 1, 191, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 22:30:00+00', '2021-10-30', 0.066, 1, 192, '2026-11-26 09:19:54.253222+00'),
	('unknown-meter', '2021-10-30 17:00:00+00', '2021-10-30', 12.50000000000000000000, 5, 15, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-29 23:00:00+00', '2021-10-30', 0.11100000000000000000, 5, 1, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-29 23:30:00+00', '2021-10-30', 0.059, 1, 2, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 16:00:00+00', '2021-10-30', 0.12345678901234568000, 5, 14, '2026-11-26 09:19:54.253222+00');


--
-- Data for Name: raw_meter_readings_20211031_18eb8dce853a46e3; Type: TABLE DATA; Schema: raw_data_partitions; Owner: -
--

INSERT INTO raw_data_partitions.raw_meter_readings_20211031_18eb8dce853a46e3 VALUES
	('9d203fa2c8', '2021-10-31 05:00:00+00', '2021-10-31', 0.072, 2, 1, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 06:30:00+00', '2021-10-31', 1.685, 2, 2, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 13:00:00+00', '2021-10-31', 0.286, 2, 3, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 13:30:00+00', '2021-10-31', 0.520, 2, 4, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 04:30:00+00', '2021-10-31', 0.000, 2, 6, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 14:00:00+00', '2021-10-31', 0.171, 2, 7, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 13:00:00+00', '2021-10-31', 0.620, 2, 9, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 18:30:00+00', '2021-10-31', 1.903, 2, 10, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 02:00:00+00', '2021-10-31', 1.731, 2, 11, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 03:00:00+00', '2021-10-31', 0.040, 2, 12, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 18:00:00+00', '2021-10-31', 0.000, 2, 13, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 04:30:00+00', '2021-10-31', 0.283, 2, 14, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 02:30:00+00', '2021-10-31', 0.000, 2, 15, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 18:00:00+00', '2021-10-31', 0.501, 2, 16, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 20:00:00+00', '2021-10-31', 0.268, 2, 18, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 07:00:00+00', '2021-10-31', 0.263, 2, 19, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 22:30:00+00', '2021-10-31', 0.074, 2, 20, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 16:30:00+00', '2021-10-31', 0.135, 2, 22, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 23:00:00+00', '2021-10-31', 0.156, 2, 23, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 06:00:00+00', '2021-10-31', 0.032, 2, 24, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 09:30:00+00', '2021-10-31', 0.583, 2, 25, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 05:00:00+00', '2021-10-31', 0.000, 2, 26, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 03:30:00+00', '2021-10-31', 0.081, 2, 27, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 11:30:00+00', '2021-10-31', 0.139, 2, 28, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 19:30:00+00', '2021-10-31', 0.286, 2, 29, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 20:30:00+00', '2021-10-31', 0.326, 2, 30, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 12:30:00+00', '2021-10-31', 0.456, 2, 31, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 04:00:00+00', '2021-10-31', 0.123, 2, 32, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 09:00:00+00', '2021-10-31', 0.210, 2, 33, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 09:00:00+00', '2021-10-31', 0.740, 2, 34, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 17:30:00+00', '2021-10-31', 0.854, 2, 35, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 20:00:00+00', '2021-10-31', 0.000, 2, 36, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 15:00:00+00', '2021-10-31', 0.312, 2, 37, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 08:30:00+00', '2021-10-31', 0.198, 2, 38, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 15:30:00+00', '2021-10-31', 0.395, 2, 39, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 09:30:00+00', '2021-10-31', 0.272, 2, 40, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 11:00:00+00', '2021-10-31', 0.104, 2, 41, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 13:30:00+00', '2021-10-31', 0.123, 2, 42, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 22:30:00+00', '2021-10-31', 0.096, 2, 43, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 13:30:00+00', '2021-10-31', 0.185, 2, 44, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 12:00:00+00', '2021-10-31', 0.262, 2, 45, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 15:00:00+00', '2021-10-31', 0.229, 2, 46, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 05:30:00+00', '2021-10-31', 0.143, 2, 47, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 22:00:00+00', '2021-10-31', 0.000, 2, 48, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 20:00:00+00', '2021-10-31', 0.358, 2, 49, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 17:30:00+00', '2021-10-31', 0.202, 2, 50, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 19:00:00+00', '2021-10-31', 0.509, 2, 51, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 12:30:00+00', '2021-10-31', 0.356, 2, 52, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 22:00:00+00', '2021-10-31', 0.428, 2, 53, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 22:30:00+00', '2021-10-31', 0.061, 2, 54, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 17:00:00+00', '2021-10-31', 0.515, 2, 55, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 07:00:00+00', '2021-10-31', 1.801, 2, 56, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 20:30:00+00', '2021-10-31', 0.385, 2, 57, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 08:00:00+00', '2021-10-31', 0.510, 2, 58, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 23:30:00+00', '2021-10-31', 0.204, 2, 59, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 14:30:00+00', '2021-10-31', 0.413, 2, 60, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 13:00:00+00', '2021-10-31', 0.108, 2, 61, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 14:30:00+00', '2021-10-31', 0.156, 2, 62, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 09:30:00+00', '2021-10-31', 0.295, 2, 63, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 23:30:00+00', '2021-10-31', 0.124, 2, 64, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 12:00:00+00', '2021-10-31', 0.310, 2, 65, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 10:30:00+00', '2021-10-31', 0.060, 2, 66, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 02:30:00+00', '2021-10-31', 1.707, 2, 67, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 17:00:00+00', '2021-10-31', 0.826, 2, 68, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 02:00:00+00', '2021-10-31', 0.000, 2, 69, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 23:30:00+00', '2021-10-31', 0.000, 2, 70, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 07:30:00+00', '2021-10-31', 0.044, 2, 71, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 22:00:00+00', '2021-10-31', 0.087, 2, 73, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 15:00:00+00', '2021-10-31', 0.379, 2, 74, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 16:00:00+00', '2021-10-31', 0.219, 2, 75, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 14:00:00+00', '2021-10-31', 0.149, 2, 76, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 16:30:00+00', '2021-10-31', 1.198, 2, 77, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 18:30:00+00', '2021-10-31', 0.429, 2, 78, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 23:00:00+00', '2021-10-31', 0.055, 2, 79, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 10:30:00+00', '2021-10-31', 0.725, 2, 80, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 21:00:00+00', '2021-10-31', 0.000, 2, 81, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 19:00:00+00', '2021-10-31', 0.740, 2, 82, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 11:00:00+00', '2021-10-31', 0.196, 2, 83, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 16:00:00+00', '2021-10-31', 0.690, 2, 84, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 07:30:00+00', '2021-10-31', 0.119, 2, 85, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 09:00:00+00', '2021-10-31', 0.119, 2, 86, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-30 23:00:00+00', '2021-10-31', 0.176, 2, 87, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 06:30:00+00', '2021-10-31', 0.236, 2, 88, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 14:00:00+00', '2021-10-31', 0.335, 2, 89, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 07:00:00+00', '2021-10-31', 0.081, 2, 90, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 16:30:00+00', '2021-10-31', 0.230, 2, 92, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 19:30:00+00', '2021-10-31', 0.613, 2, 93, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 17:00:00+00', '2021-10-31', 0.814, 2, 94, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 10:30:00+00', '2021-10-31', 0.141, 2, 95, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 23:30:00+00', '2021-10-31', 1.718, 2, 96, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 21:30:00+00', '2021-10-31', 0.406, 2, 97, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 10:00:00+00', '2021-10-31', 0.332, 2, 98, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 04:30:00+00', '2021-10-31', 1.745, 2, 99, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 02:00:00+00', '2021-10-31', 0.261, 2, 100, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 03:30:00+00', '2021-10-31', 0.000, 2, 101, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 03:30:00+00', '2021-10-31', 1.727, 2, 102, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 16:00:00+00', '2021-10-31', 0.165, 2, 103, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 15:30:00+00', '2021-10-31', 0.124, 2, 104, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 03:00:00+00', '2021-10-31', 0.000, 2, 105, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 08:30:00+00', '2021-10-31', 1.766, 2, 106, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 20:30:00+00', '2021-10-31', 0.199, 2, 107, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 06:00:00+00', '2021-10-31', 0.000, 2, 108, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 23:00:00+00', '2021-10-31', 0.000, 2, 109, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 05:00:00+00', '2021-10-31', 0.154, 2, 110, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 18:00:00+00', '2021-10-31', 0.967, 2, 111, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 08:00:00+00', '2021-10-31', 0.215, 2, 112, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 23:00:00+00', '2021-10-31', 0.000, 2, 113, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 19:00:00+00', '2021-10-31', 1.199, 2, 114, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 11:00:00+00', '2021-10-31', 0.350, 2, 115, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 17:30:00+00', '2021-10-31', 0.000, 2, 116, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-30 23:00:00+00', '2021-10-31', 0.140, 2, 117, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 14:30:00+00', '2021-10-31', 0.442, 2, 118, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 11:30:00+00', '2021-10-31', 0.117, 2, 119, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 06:00:00+00', '2021-10-31', 0.130, 2, 120, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 02:00:00+00', '2021-10-31', 0.055, 2, 121, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 08:30:00+00', '2021-10-31', 0.122, 2, 122, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 21:30:00+00', '2021-10-31', 0.175, 2, 123, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 06:30:00+00', '2021-10-31', 0.138, 2, 124, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 05:30:00+00', '2021-10-31', 0.000, 2, 125, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 05:30:00+00', '2021-10-31', 1.769, 2, 126, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 09:00:00+00', '2021-10-31', 0.175, 2, 127, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 13:00:00+00', '2021-10-31', 0.175, 2, 128, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 07:30:00+00', '2021-10-31', 0.145, 2, 129, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 08:00:00+00', '2021-10-31', 0.136, 2, 130, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 02:30:00+00', '2021-10-31', 0.213, 2, 131, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 17:00:00+00', '2021-10-31', 0.138, 2, 132, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 03:00:00+00', '2021-10-31', 1.694, 2, 133, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 18:00:00+00', '2021-10-31', 0.227, 2, 134, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 08:30:00+00', '2021-10-31', 0.232, 2, 136, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 23:00:00+00', '2021-10-31', 0.051, 2, 138, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 23:00:00+00', '2021-10-31', 0.036, 2, 140, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 11:00:00+00', '2021-10-31', 0.516, 2, 141, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 19:30:00+00', '2021-10-31', 0.000, 2, 142, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 21:00:00+00', '2021-10-31', 0.535, 2, 143, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 03:30:00+00', '2021-10-31', 0.100, 2, 145, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 16:00:00+00', '2021-10-31', 0.224, 2, 146, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 07:00:00+00', '2021-10-31', 0.000, 2, 147, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 15:30:00+00', '2021-10-31', 0.497, 2, 148, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 06:30:00+00', '2021-10-31', 0.000, 2, 149, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 18:30:00+00', '2021-10-31', 0.602, 2, 150, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 19:30:00+00', '2021-10-31', 0.298, 2, 151, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 15:30:00+00', '2021-10-31', 0.130, 2, 152, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 02:30:00+00', '2021-10-31', 0.053, 2, 153, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 21:30:00+00', '2021-10-31', 0.138, 2, 155, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 04:30:00+00', '2021-10-31', 0.094, 2, 156, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 07:30:00+00', '2021-10-31', 0.615, 2, 157, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 03:00:00+00', '2021-10-31', 0.167, 2, 158, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 11:30:00+00', '2021-10-31', 0.308, 2, 159, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 05:00:00+00', '2021-10-31', 1.697, 2, 160, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 23:30:00+00', '2021-10-31', 0.287, 2, 161, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-30 23:30:00+00', '2021-10-31', 0.105, 2, 162, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 04:00:00+00', '2021-10-31', 0.000, 2, 163, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 20:00:00+00', '2021-10-31', 0.276, 2, 165, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 08:00:00+00', '2021-10-31', 0.052, 2, 166, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 16:30:00+00', '2021-10-31', 0.379, 2, 167, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 12:30:00+00', '2021-10-31', 0.086, 2, 168, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 12:00:00+00', '2021-10-31', 0.121, 2, 169, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-30 23:30:00+00', '2021-10-31', 0.000, 2, 170, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 14:00:00+00', '2021-10-31', 0.493, 2, 171, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 17:30:00+00', '2021-10-31', 0.218, 2, 172, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 04:00:00+00', '2021-10-31', 0.107, 2, 173, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 10:00:00+00', '2021-10-31', 0.615, 2, 175, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 22:00:00+00', '2021-10-31', 0.152, 2, 176, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 14:30:00+00', '2021-10-31', 0.130, 2, 177, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 04:00:00+00', '2021-10-31', 1.755, 2, 178, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 18:30:00+00', '2021-10-31', 0.000, 2, 180, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 10:00:00+00', '2021-10-31', 0.497, 2, 181, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 13:30:00+00', '2021-10-31', 0.254, 2, 183, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 20:30:00+00', '2021-10-31', 0.000, 2, 184, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 21:00:00+00', '2021-10-31', 0.143, 2, 185, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 21:00:00+00', '2021-10-31', 0.144, 2, 186, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 10:30:00+00', '2021-10-31', 0.711, 2, 187, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 09:30:00+00', '2021-10-31', 0.140, 2, 188, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 12:30:00+00', '2021-10-31', 0.211, 2, 189, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 21:30:00+00', '2021-10-31', 0.000, 2, 190, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 19:00:00+00', '2021-10-31', 0.000, 2, 191, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 10:00:00+00', '2021-10-31', 0.098, 2, 192, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 12:00:00+00', '2021-10-31', 0.085, 2, 193, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 06:00:00+00', '2021-10-31', 1.672, 2, 194, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 11:30:00+00', '2021-10-31', 0.466, 2, 196, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 23:30:00+00', '2021-10-31', 0.132, 2, 197, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 15:00:00+00', '2021-10-31', 0.159, 2, 198, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 22:30:00+00', '2021-10-31', 0.000, 2, 199, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 05:30:00+00', '2021-10-31', 0.059, 2, 200, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 00:00:00+00', '2021-10-31', 0.06800000000000000000, 2, 5, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 00:30:00+00', '2021-10-31', 0.20000000000000000000, 2, 8, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 00:30:00+00', '2021-10-31', 1.74000000000000000000, 2, 17, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 00:30:00+00', '2021-10-31', 0.06700000000000000000, 2, 21, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 00:00:00+00', '2021-10-31', 0.21600000000000000000, 2, 72, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 01:00:00+00', '2021-10-31', 0.13500000000000000000, 2, 91, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 00:00:00+00', '2021-10-31', 1.66100000000000000000, 2, 135, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 00:30:00+00', '2021-10-31', 0.00000000000000000000, 2, 137, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 01:30:00+00', '2021-10-31', 0.02800000000000000000, 2, 139, '2026-11-26 09:19:54.253222+00'),
	('8dd5e0b57c', '2021-10-31 01:30:00+00', '2021-10-31', 0.31100000000000000000, 2, 144, '2026-11-26 09:19:54.253222+00'),
	('9d203fa2c8', '2021-10-31 01:00:00+00', '2021-10-31', 0.10200000000000000000, 2, 154, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 00:00:00+00', '2021-10-31', 0.00000000000000000000, 2, 164, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 01:30:00+00', '2021-10-31', 0.00000000000000000000, 2, 174, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 01:00:00+00', '2021-10-31', 1.68900000000000000000, 2, 179, '2026-11-26 09:19:54.253222+00'),
	('c55edbbe84', '2021-10-31 01:30:00+00', '2021-10-31', 1.78100000000000000000, 2, 182, '2026-11-26 09:19:54.253222+00'),
	('7cef50f282', '2021-10-31 01:00:00+00', '2021-10-31', 0.00000000000000000000, 2, 195, '2026-11-26 09:19:54.253222+00');


--
-- Name: source_file_id; Type: SEQUENCE SET; Schema: raw_data; Owner: -
--

SELECT pg_catalog.setval('raw_data.source_file_id', 5, true);


--
-- Name: active_agreements active_agreements_pkey; Type: CONSTRAINT; Schema: analytics; Owner: -
--

ALTER TABLE ONLY analytics.active_agreements
    ADD CONSTRAINT active_agreements_pkey PRIMARY KEY (reference_date, agreement_id);


--
-- Name: daily_product_consumption daily_product_consumption_pkey; Type: CONSTRAINT; Schema: analytics; Owner: -
--

ALTER TABLE ONLY analytics.daily_product_consumption
    ADD CONSTRAINT daily_product_consumption_pkey PRIMARY KEY (reference_date, product_display_name);


--
-- Name: half_hourly_consumption half_hourly_consumption_pkey; Type: CONSTRAINT; Schema: analytics; Owner: -
--

ALTER TABLE ONLY analytics.half_hourly_consumption
    ADD CONSTRAINT half_hourly_consumption_pkey PRIMARY KEY (datetime);


--
-- Name: meterpoint_completeness meterpoint_completeness_pkey; Type: CONSTRAINT; Schema: analytics; Owner: -
--

ALTER TABLE ONLY analytics.meterpoint_completeness
    ADD CONSTRAINT meterpoint_completeness_pkey PRIMARY KEY (reference_date, meterpoint_id);


--
-- Name: unattributed_consumption unattributed_consumption_pkey; Type: CONSTRAINT; Schema: analytics; Owner: -
--

ALTER TABLE ONLY analytics.unattributed_consumption
    ADD CONSTRAINT unattributed_consumption_pkey PRIMARY KEY (reference_date, meterpoint_id);


--
-- Name: raw_agreements raw_agreements_pkey; Type: CONSTRAINT; Schema: raw_data; Owner: -
--

ALTER TABLE ONLY raw_data.raw_agreements
    ADD CONSTRAINT raw_agreements_pkey PRIMARY KEY (reference_date, agreement_id);


--
-- Name: raw_meterpoints raw_meterpoints_pkey; Type: CONSTRAINT; Schema: raw_data; Owner: -
--

ALTER TABLE ONLY raw_data.raw_meterpoints
    ADD CONSTRAINT raw_meterpoints_pkey PRIMARY KEY (reference_date, meterpoint_id);


--
-- Name: raw_products raw_products_pkey; Type: CONSTRAINT; Schema: raw_data; Owner: -
--

ALTER TABLE ONLY raw_data.raw_products
    ADD CONSTRAINT raw_products_pkey PRIMARY KEY (reference_date, product_id);


--
-- Name: redelivered_readings redelivered_readings_pkey; Type: CONSTRAINT; Schema: raw_data; Owner: -
--

ALTER TABLE ONLY raw_data.redelivered_readings
    ADD CONSTRAINT redelivered_readings_pkey PRIMARY KEY (meterpoint_id, interval_start, consumption_delta);


--
-- Name: rejected_readings rejected_readings_pkey; Type: CONSTRAINT; Schema: raw_data; Owner: -
--

ALTER TABLE ONLY raw_data.rejected_readings
    ADD CONSTRAINT rejected_readings_pkey PRIMARY KEY (source_file_id, source_position);


--
-- Name: source_file_dates source_file_dates_pkey; Type: CONSTRAINT; Schema: raw_data; Owner: -
--

ALTER TABLE ONLY raw_data.source_file_dates
    ADD CONSTRAINT source_file_dates_pkey PRIMARY KEY (reference_date, source_file_id);


--
-- Name: source_file_versions source_file_versions_pkey; Type: CONSTRAINT; Schema: raw_data; Owner: -
--

ALTER TABLE ONLY raw_data.source_file_versions
    ADD CONSTRAINT source_file_versions_pkey PRIMARY KEY (source_file_id);


--
-- Name: superseded_readings superseded_readings_pkey; Type: CONSTRAINT; Schema: raw_data; Owner: -
--

ALTER TABLE ONLY raw_data.superseded_readings
    ADD CONSTRAINT superseded_readings_pkey PRIMARY KEY (meterpoint_id, interval_start, consumption_delta);


--
-- Name: raw_meter_readings_20211030_18eb8dce7a169215 raw_meter_readings_20211030_18eb8dce7a169215_pkey; Type: CONSTRAINT; Schema: raw_data_partitions; Owner: -
--

ALTER TABLE ONLY raw_data_partitions.raw_meter_readings_20211030_18eb8dce7a169215
    ADD CONSTRAINT raw_meter_readings_20211030_18eb8dce7a169215_pkey PRIMARY KEY (meterpoint_id, interval_start);


--
-- Name: raw_meter_readings_20211031_18eb8dce853a46e3 raw_meter_readings_20211031_18eb8dce853a46e3_pkey; Type: CONSTRAINT; Schema: raw_data_partitions; Owner: -
--

ALTER TABLE ONLY raw_data_partitions.raw_meter_readings_20211031_18eb8dce853a46e3
    ADD CONSTRAINT raw_meter_readings_20211031_18eb8dce853a46e3_pkey PRIMARY KEY (meterpoint_id, interval_start);


--
-- Name: half_hourly_consumption_reference_date; Type: INDEX; Schema: analytics; Owner: -
--

CREATE INDEX half_hourly_consumption_reference_date ON analytics.half_hourly_consumption USING btree (reference_date);


--
-- Name: redelivered_readings_reference_date; Type: INDEX; Schema: raw_data; Owner: -
--

CREATE INDEX redelivered_readings_reference_date ON raw_data.redelivered_readings USING btree (reference_date);


--
-- Name: rejected_readings_reference_date; Type: INDEX; Schema: raw_data; Owner: -
--

CREATE INDEX rejected_readings_reference_date ON raw_data.rejected_readings USING btree (reference_date);


--
-- Name: source_file_dates_file; Type: INDEX; Schema: raw_data; Owner: -
--

CREATE INDEX source_file_dates_file ON raw_data.source_file_dates USING btree (source_file_id);


--
-- Name: source_file_dates_pending; Type: INDEX; Schema: raw_data; Owner: -
--

CREATE INDEX source_file_dates_pending ON raw_data.source_file_dates USING btree (reference_date) WHERE (loaded_at IS NULL);


--
-- Name: source_file_versions_url; Type: INDEX; Schema: raw_data; Owner: -
--

CREATE INDEX source_file_versions_url ON raw_data.source_file_versions USING btree (url);


--
-- Name: superseded_readings_reference_date; Type: INDEX; Schema: raw_data; Owner: -
--

CREATE INDEX superseded_readings_reference_date ON raw_data.superseded_readings USING btree (reference_date);


--
-- PostgreSQL database dump complete
--


