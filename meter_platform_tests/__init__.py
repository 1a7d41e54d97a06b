"""A mirror of the package, run on a real Postgres."""
