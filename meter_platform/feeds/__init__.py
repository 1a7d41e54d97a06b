"""Where data comes from: reading files, and the reference database.

`files.py` lists and opens files, `chunks.py` reads them, `json_document.py` takes a JSON document apart into chunks of rows by
its structure (`json_structure.py`) and says what a file is that is none (`lookalikes.py`), `validation.py` judges a row and
`meterpoint_ids.py` its id, `bulk_validation.py` many rows at once, `reading.py` streams all of it, and `allowance.py` is
how long a file may take. `database.py` reads agreements, products and meterpoints; `sqlite_files.py` opens
SQLite so that nothing is left beside it. What does not belong here: business rules, and what is remembered (`intake/`).
"""
