"""Tests of the asset checks: each seen green on good data, and red on the fault that it is for."""
