"""What every stored column means: type, unit, sign and time convention, as pandera models.

`raw_data.py`, `analytics.py` and `operations.py` are the Postgres schemas; `types.py` is the small set of column types
that they share, and `readings.py` has what a reading may say, in plain values. What never belongs here: I/O, and how a table
is laid out in Postgres (`warehouse/tables.py` derives that).
"""
