"""Asset checks: is what is stored whole, consistent, plausible and recent?

Checks are unpartitioned (partitioned ones break on ranged runs). They are evaluated for the run's dates, or for all that
are stored, and name the failing dates in their metadata. What belongs here: one function for each question, and what all
of them share. What never does: contracts, which are enforced before data is stored, and mending what fails.
"""
