"""Tests of the assets: what their runs report, and what they keep to themselves."""
