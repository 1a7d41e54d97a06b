"""The benchmark: the platform against what people write by hand and against what the server allows.

`python -m benchmarks` generates its input, runs every contender in turn on one embedded server, holds their figures to
each other, and writes `results.md` and `results.svg`. What does not belong here: anything that the platform imports,
tests, profiling.

Every contender runs in a process of its own and works on input that is in the page cache; the contenders take turns,
so that a machine which is slower for a while is slower for all of them. Ratios are of medians of one session.
"""
