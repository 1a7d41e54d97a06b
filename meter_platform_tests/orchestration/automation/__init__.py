"""Tests of what runs without anyone asking, as Given, When, Then on a real Dagster instance."""
