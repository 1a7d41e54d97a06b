"""Where data comes from: reading files, and the reference database.

`files.py` lists and opens files, `pieces.py` reads them, `documents.py` takes a JSON document apart into chunks of rows,
`rows.py` judges a row, `fast_lane.py` many at once, `reading_files.py` streams all of it, and `reference_database.py`
reads agreements, products and meterpoints. What does not belong here: business rules, and what is remembered (`intake/`).
"""
