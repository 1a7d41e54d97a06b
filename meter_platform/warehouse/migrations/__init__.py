"""How a database of an earlier version of the platform becomes one of this version, without losing a row.

What belongs here: one file in `versions/` for each change of the schema, written by hand, in order, and what Alembic needs
to run them (`env.py`). What does not: the schema of a fresh database (`warehouse/tables.py` derives it from the contracts;
a test holds a migrated database to it), and when migrations run (`warehouse/schema.py`).

A step never imports contracts or tables: it says in SQL what changed then, whatever they say today.
"""
