"""`python -m meter_platform` is `meter-platform`."""

from meter_platform.cli import main

if __name__ == "__main__":
    main()
