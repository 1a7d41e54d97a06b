"""Everything that imports Dagster: assets, checks, automation, the IO manager, the instance, partitions, runs.

`composition.py` puts the code location together. What belongs here: what Dagster has to know of the platform, a few lines
for each asset and check, and the processes of runs. What never does: business rules (`rules/`), reading files
(`ingestion/`), SQL that writes tables (`warehouse/`).
"""
