"""Tests of `meter_platform.warehouse`."""
