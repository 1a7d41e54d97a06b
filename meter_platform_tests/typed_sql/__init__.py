"""Tests of `meter_platform.typed_sql`."""
