"""A source of pictures kept going: its feed is read by a thread, opened again when it drops, left when it hangs.

What may block (`feeds.py`) does so in that thread; the main one only waits, so that it hears a signal at once.
"""

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from runtime.cameras.feeds import Feed, Shot, open_feed
from runtime.cameras.web import public, without_secrets
from runtime.console import complain, reason
from runtime.errors import CodecError, InputError

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
"""Between two attempts to open a camera again; the wait doubles until the camera is back."""
_HANGS_S = 30.0
"""A source that gives no sign of life for so long, above all limits of time within it, is left."""
_MOST_HANGING = 10
"""Threads that may hang in a source which is opened again and again."""
_HEARS_S = 0.1
"""How often the main thread looks whether it shall stop."""


class Source:
    """A camera, a stream, a snapshot URL or a video; `name` is a camera's number or device, a URL or a file."""

    def __init__(self, name: str, stop: threading.Event, warm_up_s: float = 1.0):
        """Prepare it; `frames` opens it. Raise InputError for a name that can be none."""
        if not (name.isdecimal() or "://" in name or Path(name).exists()):  # /dev/video0 does
            raise InputError(f"{name}: no such file; give a video, a URL or the number of a camera")
        self.name, self.stop, self.warm_up_s = name, stop, warm_up_s
        self.reader: _Reader | None = None
        self.hanging: list[_Reader] = []
        self.wait_s = _FIRST_WAIT_S
        self.dropped_s: float | None = None

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()

    def frames(self, every_s: float) -> Iterator[tuple[str, Shot]]:
        """Yield a name and the shot of each due picture until the source ends or stop is set.

        Pictures are due at whole multiples of every_s from the first on. Where a live source's are not taken in time
        the next one is due at the next multiple.
        """
        due_s, last, slow = -math.inf, "", False
        while (shot := self._next(every_s, due_s)) is not None:
            late_s = shot.at_s - due_s
            if every_s <= late_s < math.inf and late_s >= shot.gap_s and not slow:
                slow = True
                missed = int(late_s // every_s)
                complain(f"source {public(self.name)}: missed {missed} of its pictures; later ones are not reported")
            due_s = shot.at_s + every_s if late_s == math.inf else due_s + (late_s // every_s + 1) * every_s
            if shot.name != last:  # an interval below a millisecond
                yield shot.name, shot
            last = shot.name

    def _next(self, every_s: float, due_s: float) -> Shot | None:
        """Return the first shot from due_s on, None at the end of a video or when told to stop."""
        if self.reader is None:
            self.reader = self._read(every_s)
        while not self.stop.is_set():
            reader = self.reader
            shot = reader.take(due_s, _HEARS_S)
            if reader.ready and self.dropped_s is not None:
                complain(f"source {public(self.name)} is back after {time.monotonic() - self.dropped_s:.0f} s")
                self.dropped_s, self.wait_s = None, _FIRST_WAIT_S
            if shot is not None:
                return shot
            if reader.is_alive() and not reader.silent:
                continue
            why = self._why(reader.error)
            if not reader.opened and self.dropped_s is None:
                raise InputError(f"source {public(self.name)} does not open: {why or 'it does not answer'}")
            if reader.ends:
                if why or reader.silent:
                    raise InputError(
                        f"source {public(self.name)} cannot be read any further: {why or 'it does not answer'}"
                    )
                return None
            self._leave(reader, why or ("it hangs" if reader.silent else ""))
            self.reader = self._read(every_s)
        return None

    def _why(self, error: Exception | None) -> str:
        """Return what ended a reader, in words that cannot hold a password."""
        if isinstance(error, CodecError | OSError | MemoryError):
            return without_secrets(reason(error), self.name)
        return f"{type(error).__module__}.{type(error).__name__}" if error else ""

    def _read(self, every_s: float) -> "_Reader":
        """Return a new thread that reads the source."""
        reader = _Reader(lambda: open_feed(self.name, every_s, self.warm_up_s))
        reader.start()
        return reader

    def _leave(self, reader: "_Reader", why: str) -> None:
        """Let go of a reader whose source has dropped, and wait before the next one."""
        self.dropped_s = time.monotonic() if self.dropped_s is None else self.dropped_s
        why = f" ({why})" if why else ""
        complain(f"source {public(self.name)} gives no pictures{why}; opening it again in {self.wait_s:g} s")
        reader.close()
        self.hanging = [each for each in [*self.hanging, reader] if each.is_alive()]
        if len(self.hanging) > _MOST_HANGING:
            raise InputError(f"source {public(self.name)} hangs whenever it is opened; restart it")
        until_s = time.monotonic() + self.wait_s
        self.wait_s = min(2 * self.wait_s, _LONGEST_WAIT_S)
        while not self.stop.is_set() and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _HEARS_S))


def end_at_once(status: int) -> None:
    """End the process now if a source still hangs; register it to run at exit.

    A thread that comes back from OpenCV while Python takes itself apart makes C++ abort, until Python 3.13.
    """
    if hangs():
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status)


def hangs() -> bool:
    """Return whether a thread is still in a source that was left or closed."""
    return any(isinstance(thread, _Reader) for thread in threading.enumerate())


class _Reader(threading.Thread):
    """A thread that opens a feed and reads it; it ends with the feed, and does not keep the process from ending."""

    def __init__(self, opening: Callable[[], Feed]):
        super().__init__(name="source", daemon=True)
        self.opening = opening
        self.error: Exception | None = None
        """What ended it, None for the end of the feed."""
        self.opened = self.ends = self.ready = False
        """What is known of the feed: see Feed."""
        self.changed = threading.Condition()
        """Held for all that follows."""
        self.due_s: float | None = None
        self.shot: Shot | None = None
        self.alive_s = time.monotonic()
        self.closed = False

    def run(self) -> None:
        try:
            with closing(self.opening()) as feed:
                self.ends, self.opened = feed.ends, True
                for shot in feed.shots(lambda: self.due_s):
                    self.ready = feed.ready
                    if not self._give(shot):
                        return
        except Exception as error:
            self.error = error

    @property
    def silent(self) -> bool:
        """Whether the feed hangs."""
        return time.monotonic() - self.alive_s > _HANGS_S

    def take(self, due_s: float, wait_s: float) -> Shot | None:
        """Return a shot from due_s on, None if there is none after so long a wait."""
        with self.changed:
            self.due_s = due_s
            if self.shot is None and self.is_alive():
                self.changed.wait(wait_s)
            shot, self.shot = self.shot, None
            if shot is not None:
                self.due_s, self.alive_s = None, time.monotonic()
                self.changed.notify()
            return shot

    def close(self) -> None:
        """Let it end; its feed is closed at once, or when it no longer hangs."""
        with self.changed:
            self.closed = True
            self.changed.notify()
        self.join(_HEARS_S)

    def _give(self, shot: Shot | None) -> bool:
        """Give a shot, if there is one, and wait until it is taken; return whether to go on."""
        with self.changed:
            self.alive_s, self.shot = time.monotonic(), shot or self.shot
            self.changed.notify()
            while self.shot is not None and not self.closed:
                self.changed.wait()
            self.alive_s = time.monotonic()
            return not self.closed
