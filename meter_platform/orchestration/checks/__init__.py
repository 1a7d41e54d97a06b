"""Asset checks: is what is stored whole, consistent, plausible and recent?

Checks are unpartitioned (partitioned ones break on ranged runs); they look at the run's dates, or at all of them, and
name the failing dates in their metadata. What does not belong here: contracts, which are enforced before data is stored.
"""
