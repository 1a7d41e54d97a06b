"""Tests of `meter_platform.reference`."""
