"""What deliveries look like: where reading files are, their formats, and what makes a row of one acceptable.

What belongs here is the way from a file to rows that were accepted or rejected. `files.py` lists and opens files, `feed.py`
and `configured.py` say which feed a file is of (`patterns.py`), `chunks.py` reads it through, `compressed.py` unpacks it,
`formats/` makes rows of its bytes, `cells.py` and `half_hours.py` bring these to common words, units and lengths.
`validation.py` has the rules for a row (`meterpoint_ids.py` those for its id, `repeated_hours.py` those for the hour that
clocks repeat), `bulk_validation.py` and `repeated_in_bulk.py` the same for very many rows at once. `conflicts.py` and
`held_back.py` say what is wrong with a file as a whole. `reading.py` puts it together as a stream, `columns.py` says which
columns it has, and `allowance.py` how long a file may take.

What never belongs here: what is remembered of a file, or stored (`ingestion/`), business rules (`rules/`), Dagster.
"""
