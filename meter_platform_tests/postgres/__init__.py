"""Tests of `meter_platform.postgres`."""
