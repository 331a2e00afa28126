"""PromQL that the dashboards share. What is shown is recorded by vmalert (victoriametrics/rules.yml), each second once:
a viewer asks for points that are there, and computes nothing anew.

`max_over_time(series[$__interval])` is the second itself at a step of one second, and the worst of its seconds at any
other: no needle is lost by zooming out, and none is shown twice where a second is missing.
"""

CHOSEN = 'strategy=~"$strategy"'
NEWEST = "15s"
"""What is recorded may be some seconds old, and what is recorded every other second one more."""


def shown(series: str, where: str = CHOSEN) -> str:
    """A recorded series over time."""
    return f"max_over_time({_selected(series, where)}[$__interval])"


def shown_by(label: str, series: str, where: str = CHOSEN) -> str:
    """Likewise, summed over all other labels."""
    return f"sum by ({label}) ({shown(series, where)})" if label else f"sum({shown(series, where)})"


def percentile(share: float, histogram: str, where: str = CHOSEN) -> str:
    """Of what was observed in each second, by strategy; of the sums of a histogram's buckets."""
    return f"histogram_quantile({share:g}, {shown_by('strategy, le', f'strategy_le:{histogram}:increase1s', where)})"


def level(series: str, where: str = CHOSEN) -> str:
    """A recorded series that changes slowly, and is not recorded in each second."""
    return f"last_over_time({_selected(series, where)}[5s])"


def newest(series: str, where: str = CHOSEN) -> str:
    """The newest value of a recorded series."""
    return f"last_over_time({_selected(series, where)}[{NEWEST}])"


def _selected(series: str, where: str) -> str:
    return f"{series}{{{where}}}" if where else series
