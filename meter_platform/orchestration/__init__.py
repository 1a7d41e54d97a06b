"""Everything that imports Dagster: assets, checks, automation, the IO manager, the instance, partitions."""
