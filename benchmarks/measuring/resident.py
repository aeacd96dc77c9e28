"""What Linux says of this process' memory.

`ru_maxrss` is no substitute: in a child it starts at the peak of the parent that forked it.
"""

from pathlib import Path

from benchmarks.errors import BenchError

STATUS = Path("/proc/self/status")


def memory_bytes(field: str) -> int:
    """Return a field of /proc/self/status in bytes: VmHWM (peak), VmRSS, RssAnon; BenchError where it is not told."""
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise BenchError(f"{STATUS}: {error.strerror}; memory is measured on Linux only") from error
    for line in lines:
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise BenchError(f"{STATUS}: there is no {field}; memory cannot be measured on this system")
