"""Tests of `meter_platform.sample`."""
