"""The web app: people look at what is stored, on pages of one idea each.

`launch.py` starts it, `main.py` is its frame, `pages_/` are its pages. What belongs here: choosing, drawing, explaining
and handing out. What does not: SQL (`storage/reader*.py` has it; what people type goes through `storage/sql_guard.py`),
writing anything, Dagster.
"""
