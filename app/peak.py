"""The peak of a number over the last one to two seconds, for a gauge that is read once a second."""


class Peak:
    """The highest value that was seen in this second and the one before it.

    A gauge of the present, read once a second, misses four of five herds that last 200 ms; this one misses none.
    Reading does not change it, so that there may be several readers.
    """

    def __init__(self) -> None:
        self._second = 0
        self._most = 0
        self._most_before = 0

    def saw(self, value: int, now_s: float) -> None:
        second = int(now_s)
        if second != self._second:
            self._turn(second)
        self._most = max(self._most, value)

    def value(self, now_s: float) -> int:
        self._turn(int(now_s))
        return max(self._most, self._most_before)

    def _turn(self, second: int) -> None:
        if second != self._second:
            self._most_before = self._most if second == self._second + 1 else 0
            self._second, self._most = second, 0
