"""Generated input: reading files and a reference database that look like a supplier's, the same for the same plan.

What belongs here: making them, with every case that real deliveries have. What never does: choosing them. They are used in
the demo, in tests and where no source is given (`orchestration/sources.py`), and no room that processes data imports this one.
"""
