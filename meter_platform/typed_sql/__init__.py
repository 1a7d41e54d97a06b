"""SQL that a person types, run where it can do no harm: read only, within limits of time, rows and memory.

What belongs here: the reader role and the proof that it can do nothing else (`role.py`, `role.sql`), running a query within
limits (`guard.py`), and ending one that goes over them (`watch.py`, `process.py`). What never does: the platform's own
queries (`warehouse/reader.py`, `app/`), the page that shows results, and judging a text by reading it: the server decides.
"""
