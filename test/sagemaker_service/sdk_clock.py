"""A clock that is fast for the SDKs, which look after a job each 5 to 30 seconds, since the service takes minutes."""

import sys
import time
import unittest.mock

LONGEST_SLEEP_SECONDS = 0.2


class SdkClock:
    """time.sleep() and time.time() for callers in the package `sagemaker`; for all others they are what they were."""

    def __init__(self):
        self._ahead_seconds = 0.0
        self._sleep, self._time = time.sleep, time.time

    def patches(self):
        return [unittest.mock.patch("time.sleep", self.sleep), unittest.mock.patch("time.time", self.time)]

    def sleep(self, seconds):
        shortened = min(seconds, LONGEST_SLEEP_SECONDS) if _called_by_sdk() else seconds
        self._ahead_seconds += seconds - shortened
        self._sleep(shortened)

    def time(self):
        return self._time() + (self._ahead_seconds if _called_by_sdk() else 0)


def _called_by_sdk():
    return sys._getframe(2).f_globals.get("__name__", "").split(".")[0] == "sagemaker"
