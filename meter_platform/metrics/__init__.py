"""Metrics for Prometheus: what `/metrics` serves, asked of Postgres at each scrape, so that nothing has to push.

What belongs here: the parts (each a few queries about one subject), the collector that asks them and lets each fail alone,
and the server. What never does: writing anything, Dagster, a label or a value with a person behind it, and what a number
means for someone on call (`deployment/monitoring/`, `docs/operating/runbook/`).

Rules for a metric: a time is a timestamp, and 0 where it has not happened yet; whoever asks works out the age. A series is
there from the first scrape on, with 0, for a series that is absent raises no alert, and one that vanishes ends it. A number
that a reload may lower is a gauge. Numbers come from the catalogue and Dagster's own accounts; readings are never counted.
"""
