"""The stack of `deployment/`, built, started, hurt and restored: `make test-deployment`. Not a part of the everyday suite."""
