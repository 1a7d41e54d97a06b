"""Tests of `meter_platform/backup/`."""
