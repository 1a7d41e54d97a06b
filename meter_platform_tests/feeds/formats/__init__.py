"""Tests of `meter_platform.feeds.formats`."""
