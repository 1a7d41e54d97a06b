"""The lake: readings and snapshots as Delta tables in a folder or an object store, for engines beside Postgres.

What belongs here: the store (`stores.py`), one Delta table (`delta.py`), what the lake takes over from the ledger, which is the
platform's Postgres (`lake.py`), in what order (`from_ledger.py`), and readings in the lake alone (`put_away.py`, `take_out.py`,
and `put_right.py` after a restore). What never does: Dagster, rules, and which rows count: the ledger has decided that before
the lake gets them. Heavy imports stand in functions: the extra `lake` may be missing.
"""
