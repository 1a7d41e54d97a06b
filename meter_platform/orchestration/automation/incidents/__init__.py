"""What people are told of: failed runs, failed checks, sensors and schedules that fail, data that is late.

What belongs here: asking Dagster and the database what is wrong, a module for each question. What never does: what has been
told of it, and sending (`alerts/`).
"""
