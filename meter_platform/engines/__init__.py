"""Where rules are computed: Postgres, DuckDB in this process, or a Spark cluster; one file for each.

What belongs here: the protocol of an engine, the engines, and which of them the settings ask for. What never does: Dagster,
rules, a contract's validation, and storing (results go through `warehouse/validation.py` into Postgres, whatever computed
them). A rule never knows its engine: it is an expression on tables that have nothing but a name and the contract's columns.

What an engine needs and the platform does without (DuckDB, the client of Spark Connect) is imported when a run first
computes something on it.
"""
