"""Postgres as the platform uses it: its tables, what every write has to pass, and how rows are published and read.

What belongs here: connections to the platform's database (`database.py`), the layout that follows from the contracts
(`tables.py`) and its changes (`migrations/`, `schema.py`), validation before a write (`validation.py`), a
writer's connection (`sessions.py`), publishing partitions (`partitions.py`, `child_tables.py`) under locks that are waited for
(`date_locks.py`, `waiting.py`), notes on what is stored (`partition_notes.py`),
what it is made from (`lineage.py`), what is finished (`finished.py`) and what was pruned (`pruned.py`), what was done to
the database as a whole (`operations.py`), and reading (`reader.py`, `reader_tables.py`, `arrow_rows.py`). What never does:
which rows there are (`ingestion/`, `rules/`), what a column means (`contracts/`), Dagster, a file.
"""
