"""Tests of the business rules, each on every engine that the rules are for.

`engines.py` runs an expression, `given.py` writes input down; the test modules mirror `meter_platform/rules`. What does
not belong here: Dagster, and loading.
"""
