"""Tests of `meter_platform.storage`."""
