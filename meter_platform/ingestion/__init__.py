"""The way of a reading file into the raw tables: what is new, what it holds, what becomes of each of its rows.

`catalogue.py` knows the file versions, `scan.py` reads new ones through and records them, `load.py` puts the readings
of reference dates in place, `merge.py` settles half hours that were delivered more than once. What does not belong
here: parsing and judging (`sources/`), how a partition is replaced (`storage/`), Dagster.
"""
