"""Agreements, products and meterpoints, read from the database that `METER_PLATFORM_REFERENCE_URL` names.

What belongs here: any database that SQLAlchemy reaches, read and never written to, and what is said of one that is absent,
busy or half refreshed: `database.py`; `sqlite_files.py` opens SQLite so that nothing is left beside it. What never does:
reading files (`feeds/`), business rules, and where the snapshot is stored (`warehouse/`).
"""
