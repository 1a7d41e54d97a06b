"""Grafana's dashboards as code: `make dashboards` writes the JSON that `deployment/monitoring/grafana/` gives to Grafana.

What belongs here: which panels there are, what each asks Prometheus, and how it is shown. What never does: a metric
(`meter_platform/metrics/`), an alert (`deployment/monitoring/rules.yml`).

Grafana itself runs in no test: every query here is asked of a live Prometheus instead.
"""
