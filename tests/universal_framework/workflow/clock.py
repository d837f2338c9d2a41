"""Time that tests move."""


class Clock:
    """Monotonic seconds; steps are sums of powers of two, so that sums of floats are exact."""

    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now

    def monotonic(self):
        """As interlock asks for it."""
        return self.now

    def move(self, seconds):
        self.now += seconds
