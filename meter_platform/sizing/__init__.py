"""What a number of meterpoints takes: disk, time, requests, and what one server cannot do any more.

What belongs here: a dozen measured figures, each with its source, and arithmetic on them. What never does: measuring
(`benchmarks/`), and this installation's own data (`status.py`). It extrapolates in straight lines from 24 million readings;
beyond, nothing was run.
"""
