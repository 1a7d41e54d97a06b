"""The software-defined assets: one for each table, a few lines each.

`raw_data.py` reads sources, `analytics.py` applies rules; `policies.py` is what they have in common, `summaries.py` the
pictures they show. What never belongs here: parsing, SQL, business rules.
"""
