"""Readings that are fetched from the API of a supplier: they become reading files of a feed.

What belongs here: asking (`api.py`), which meters (`meters.py`), what is new in an answer (`landed.py`), and all of it in
order (`fetching.py`). What never does: judging readings (the files are read as any others, by `feeds/` and `ingestion/`),
Postgres, Dagster.
"""
