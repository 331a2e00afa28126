"""PromQL that the dashboards share. A window is one second: a wider one flattens the needle that it is to show."""

CHOSEN = 'strategy=~"$strategy", pod=~"$pod"'
SHOWN = 'strategy=~"$shown", pod=~"$pod"'
"""As CHOSEN; but in a panel that is repeated by $strategy, $strategy is that panel's own, and $shown still all."""


def in_a_second(counter: str, by: str = "strategy", where: str = CHOSEN, window: str = "1s") -> str:
    """How much a counter grew in each second, summed over what `by` does not name."""
    selected = f"{counter}{{{where}}}" if where else counter
    return f"sum {f'by ({by}) ' if by else ''}(increase({selected}[{window}]))"


def quantile(share: float, histogram: str, by: str = "strategy", where: str = CHOSEN, window: str = "1s") -> str:
    """A percentile of what was observed in each second."""
    labels = ", ".join(filter(None, (by, "le")))
    return f"histogram_quantile({share:g}, {in_a_second(f'{histogram}_bucket', labels, where, window)})"
