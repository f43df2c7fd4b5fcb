"""Is the machine idle but for what is measured? As /proc tells, in which the CPUs' time comes in hundredths of a second."""

import os
import pathlib
import time

TICKS = os.sysconf("SC_CLK_TCK")
MOST_BUSY = 0.05  # of one CPU's time, by others
WINDOW_SECONDS = 0.1
PATIENCE_SECONDS = 120


class Busy(Exception):
    pass


def busy_seconds() -> float:
    """That all CPUs together have been busy since the start of the system, those that the host took away included."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / TICKS


def process_seconds(pid: int) -> float:
    """CPU time of a process, all of its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def wait():
    """Returns when nothing has run for a moment; throws Busy where that does not come."""
    start = time.monotonic()
    while True:
        before = busy_seconds()
        time.sleep(WINDOW_SECONDS)
        # A single tick is below what can be told.
        busy = busy_seconds() - before
        if busy <= max(MOST_BUSY * WINDOW_SECONDS, 1 / TICKS):
            return
        if time.monotonic() - start > PATIENCE_SECONDS:
            raise Busy(f"Other processes take {busy / WINDOW_SECONDS:.0%} of a CPU: nothing can be measured beside them.")


class Watch:
    """How much others than these processes and this one ran, from here on."""

    def __init__(self, *pids: int):
        self.pids = *pids, os.getpid()
        self.start = time.monotonic()
        self.before = self.others()

    def others(self) -> float:
        return busy_seconds() - sum(map(process_seconds, self.pids))

    def share(self) -> float:
        """Of one CPU's time."""
        return (self.others() - self.before) / (time.monotonic() - self.start)
