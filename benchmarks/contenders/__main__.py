"""One run of one contender in a process of its own: `python -m benchmarks.contenders NAME`, the job on stdin.

The last line on stdout is the outcome. A process that ends takes its memory and its caches with it, so that no
contender pays for another's garbage and each one's peak memory is its own.
"""

import sys

from benchmarks import contenders
from benchmarks.job import Job
from benchmarks.memory import own_peak


def main() -> None:
    """Runs the contender named on the command line."""
    outcome = contenders.load(sys.argv[1]).run(Job.from_json(sys.stdin.read()))
    # A contender that starts another process has said what that one held.
    outcome.peak_rss = outcome.peak_rss or own_peak()
    sys.stdout.write(outcome.to_json() + "\n")


if __name__ == "__main__":
    main()
