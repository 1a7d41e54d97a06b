"""What starts runs without a person: the sensor on new reading files, and the morning's schedule.

What belongs here: when which dates are asked for. What never does: the work of a run, and scanning files (`ingestion/`).
"""
