"""Tests on a Spark cluster: a master, two workers and a Spark Connect server, as processes of this machine (`make test-spark`).

Spark itself is in a virtual environment of its own, which `SPARK_ENVIRONMENT` names: its packages and those of the client
overwrite each other. Without it these tests are skipped.
"""
