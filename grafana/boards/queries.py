"""PromQL that the dashboards share, over series that vmalert records once a second (victoriametrics/rules.yml).

A viewer therefore reads points, and computes nothing anew. `max_over_time(series[$__interval])` is each second's value
at a step of one second, and the highest of its seconds at a longer step. Zooming out loses no needle, and a missing
second doubles none.
"""


def chosen(variable: str) -> str:
    """The condition that a series is of a strategy which that variable chooses."""
    return f'strategy=~"${variable}"'


CHOSEN = chosen("strategy")
NEWEST = "15s"
"""The window in which a newest value is looked for; recorded series are some seconds old."""


def shown(series: str, where: str = CHOSEN) -> str:
    """The query for a recorded series over time."""
    return f"max_over_time({_selected(series, where)}[$__interval])"


def shown_by(label: str, series: str, where: str = CHOSEN) -> str:
    """The query for a recorded series over time, summed over all labels but one."""
    return f"sum by ({label}) ({shown(series, where)})" if label else f"sum({shown(series, where)})"


def percentile(share: float, histogram: str, where: str = CHOSEN) -> str:
    """The query for a percentile of each second's observations, by strategy, from a histogram's summed buckets."""
    return f"histogram_quantile({share:g}, {shown_by('strategy, le', f'strategy_le:{histogram}:increase1s', where)})"


def level(series: str, where: str = CHOSEN) -> str:
    """The query for a series that changes slowly, and is not recorded in every second."""
    return f"last_over_time({_selected(series, where)}[5s])"


def newest(series: str, where: str = CHOSEN) -> str:
    """The query for the newest value of a recorded series."""
    return f"last_over_time({_selected(series, where)}[{NEWEST}])"


def _selected(series: str, where: str) -> str:
    return f"{series}{{{where}}}" if where else series
