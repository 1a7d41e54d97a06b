"""From deliveries to stored readings: what is new, what is in it, and what becomes of each of its rows.

What belongs here: `catalogue.py` knows the versions of files, `scan.py` reads new ones through and records them, `discover.py`
does so for the sensor, `load.py` loads and publishes the readings of dates, `merge.py` says which delivery of a half hour
counts, `lost.py` notes deliveries that are gone, `withdraw.py` takes back what a file delivered, `reread.py` reads files
again, `erase.py` erases a meterpoint and `erased.py` keeps it out (`pseudonyms.py`, `erasure_key.py`), with its meters
(`erased_meters.py`), `retention.py` deletes old dates.

What never belongs here: how a file is read and validated (`feeds/`), how a partition is published (`warehouse/`), Dagster.
"""
