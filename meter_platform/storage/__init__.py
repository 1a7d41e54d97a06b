"""Where tables live: the Postgres server, connections to it, and what is written and read through them.

What belongs here: everything that speaks to Postgres. What does not: business rules, and the names, keys and types
of tables (`meter_platform/tables.py`).
"""
