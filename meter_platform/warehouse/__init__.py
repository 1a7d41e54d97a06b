"""Postgres as the platform uses it."""
