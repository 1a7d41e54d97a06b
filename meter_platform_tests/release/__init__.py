"""Tests of what is released: the wheel, in an environment that has nothing else. `make test-release` runs them."""
