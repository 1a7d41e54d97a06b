"""Tests of `meter_platform/receive`."""
