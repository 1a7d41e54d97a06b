"""The dbt project on the platform's tables: where it is, how its programs are run, and which of its dates are finished.

What belongs here: everything about dbt that needs no Dagster, as `status` and analysts do. What never does: models, which are
SQL (`transformations/` beside this package), and assets (`orchestration/assets/models.py`). dbt itself is an extra: only
`command.py` imports it, in a process of its own.
"""
