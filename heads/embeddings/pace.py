"""How fast something goes, and how long it will take, from its last seconds."""

import time
from collections import deque
from collections.abc import Callable

# Takes what is being done, and which fraction of it is done (0..1).
Progress = Callable[[str, float], None]

EVERY_SECONDS = 0.2
WINDOW_SECONDS = 20.0


class Pace:
    """Tells `progress` of images that are done, with their rate and the time left."""

    def __init__(self, progress: Progress, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._total = total
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque([(clock(), 0)])

    def done(self, count: int) -> None:
        """Say how many images are done; it is passed on a few times a second, and at the end."""
        now = self._clock()
        if now - self._seen[-1][0] < EVERY_SECONDS and count < self._total:
            return
        self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[1][0] > WINDOW_SECONDS:
            self._seen.popleft()
        self._progress(self._told(now, count), count / self._total if self._total else 1.0)

    def end(self) -> None:
        """Say that all images are done."""
        self.done(self._total)

    def _told(self, now: float, count: int) -> str:
        began, before = self._seen[0]
        rate = (count - before) / max(now - began, 1e-9)
        words = (
            f"{count:,} of {self._total:,} images, {rate:,.0f} a second"
            if rate >= 10
            else (f"{count:,} of {self._total:,} images, {rate:.1f} a second")
        )
        left = self._total - count
        return f"{words}, {duration(left / rate)} left" if left and rate else words


def duration(seconds: float) -> str:
    """Write a time for people: "40 s", "12 min", "3 h 5 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
