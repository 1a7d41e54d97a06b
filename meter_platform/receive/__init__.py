"""Readings that are pushed, by HTTP or MQTT: made into reading files, and acknowledged once they are safe on disk.

What belongs here: taking a delivery apart as far as it must be to stand in a file with others (`delivery.py`, `packing.py`),
the files and when they are safe (`landing.py`, `journal.py`), and the two ways in (`http.py`, `mqtt.py`). What never does:
judging readings (the files are read as any others, by `feeds/` and `ingestion/`), Postgres, Dagster.
"""
