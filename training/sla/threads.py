"""How many threads a CPU trains with. Imported before PyTorch, whose OpenMP reads its environment once."""

import os
from pathlib import Path

# A thread that spins while it waits takes the core that another one needs: on a busy machine two threads were ten times
# slower than one.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def cores():
    """Cores that this process may use: a container's share counts, not the machine."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(count, int(quota) // int(period)))
    except (OSError, ValueError):  # No such group, or no limit.
        return count


def default(hidden, available):
    """One for models 64 wide and less, whose matrices are too small to share; one more for each 64 channels."""
    return max(1, min(available, hidden // 64))


def choose(asked, hidden):
    """`--threads`, or else OMP_NUM_THREADS, or else what suits the model; None leaves PyTorch as it is."""
    if asked or "OMP_NUM_THREADS" in os.environ:
        return asked
    return default(hidden, cores())
