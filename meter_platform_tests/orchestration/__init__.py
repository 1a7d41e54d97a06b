"""Tests of `meter_platform.orchestration`."""
