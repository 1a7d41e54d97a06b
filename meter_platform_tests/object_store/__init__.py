"""An object store for tests: a real server in a process of its own, and a proxy before it that can refuse.

What belongs here: starting them, and putting objects in. What does not: what a test expects.
"""
