"""Tests of the way of a reading file into the raw tables, on real files and a real Postgres."""
