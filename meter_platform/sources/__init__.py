"""Where data comes from: reading files, and the reference database.

`files.py` lists and opens files, `pieces.py` reads them, `documents.py` takes a JSON document apart into chunks of rows by
its structure (`structure.py`) and says what a file is that is none (`lookalikes.py`), `rows.py` judges a row and
`meterpoint_ids.py` its id, `fast_lane.py` many rows at once, `reading_files.py` streams all of it, and `allowance.py` is
how long a file may take. `reference_database.py` reads agreements, products and meterpoints; `sqlite_files.py` opens
SQLite so that nothing is left beside it. What does not belong here: business rules, and what is remembered (`intake/`).
"""
