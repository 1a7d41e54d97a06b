"""Where data comes from: reading files with their catalogue, and the reference database.

`files.py` lists and opens files, `documents.py` takes a JSON document apart into chunks of rows, `rows.py` judges a
row, `reading_files.py` streams all of it at speed, `catalogue.py` remembers what was learnt of each file, and
`reference_database.py` reads agreements, products and meterpoints. What does not belong here: business rules.
"""
