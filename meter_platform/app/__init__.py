"""The web app: people look at what is stored, on pages of one idea each.

`launch.py` starts it, `main.py` is its frame, `views/` are its pages, `figures.py` the queries of its figures. What belongs
here: choosing, drawing, explaining and handing out. What never does: writing anything, Dagster, and how a query reaches
the database (`warehouse/reader.py`; what people type goes through `typed_sql/guard.py`).
"""
