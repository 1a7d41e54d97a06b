"""Tests of the web app: every page on a real Postgres, what people type, and a walk in a real browser."""
