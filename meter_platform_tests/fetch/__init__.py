"""Tests of `meter_platform/fetch/`.

What belongs here: a server that behaves like an API, and what is fetched from it. What does not: how files are read
(`meter_platform_tests/feeds/`).
"""
