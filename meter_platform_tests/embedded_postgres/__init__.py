"""Tests of `meter_platform.embedded_postgres`."""
