"""The business rules, as pure Ibis expressions: tables in, table out.

The same expression runs in Postgres, in DuckDB in a test, and on Spark on a cluster. What belongs here: what a figure
means, with its source in the docstring. What never does: Dagster, a connection, a clock, and time-zone arithmetic (`days.py`
hands it over as a table).

Every table has `reference_date`, and every rule works on any number of dates at once. Rules give the columns of their
contract but `loaded_at`, which storing adds.
"""
