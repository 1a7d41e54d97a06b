"""Tests of the engines: that all compute the same, and how each is set up, bounded, cancelled and fails.

What does not belong here: what a rule means (`rules/`), and a Spark cluster (`spark/`).
"""
