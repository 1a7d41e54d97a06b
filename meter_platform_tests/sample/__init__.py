"""Tests of `meter_platform.sample.generate`."""
