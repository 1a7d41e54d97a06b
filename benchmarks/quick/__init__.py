"""The short benchmark: whether a change has made the platform slower, told within three minutes.

`python -m benchmarks.quick`, which is `make bench-quick`, measures a few small cases as ratios to `reference` and holds them to
`baseline.json`. What belongs here: those cases, warm processes, processor time, the verdict. What does not: figures for
people (`make bench` has them, at sizes that mean something), goals.

How it stays calm on a machine that others use too is said in `notes.md`, under "The short form".
"""
