"""The web app: people look at what is stored, on pages of one idea each.

`launch.py` starts it, `main.py` is its frame, `views/` are its pages. What belongs here: choosing, drawing, explaining
and handing out. What does not: SQL (`storage/reader*.py` has it; what people type goes through `typed_sql/guard.py`),
writing anything, Dagster.
"""
