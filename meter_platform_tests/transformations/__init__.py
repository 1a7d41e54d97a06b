"""Tests of the dbt project and of how it is part of the platform."""
