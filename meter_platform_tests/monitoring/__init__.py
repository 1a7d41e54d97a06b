"""Tests of `deployment/monitoring` and of the dashboards."""
