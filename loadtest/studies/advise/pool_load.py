"""The load of the pool by formula: what an expiry, the steady state and a cold start ask of it."""

import math
from collections.abc import Iterator, Sequence

from loadtest.studies.advise.advice import Advice, AdviceLevel, BreakEven, Ranked
from loadtest.studies.advise.candidates import Excluded
from loadtest.studies.advise.scaling import SimulatedService, needed_connections
from loadtest.studies.advise.service import Service
from loadtest.theory.formulas import herd

BISECTIONS = 40


def is_beyond_pool(service: Service) -> bool:
    """Whether even one load per key and TTL asks for more connections than there are."""
    return service.pool is not None and needed_connections(service, service.allowed_age_s) > service.pool


def pool_sentences(plan: SimulatedService, best: Ranked | None) -> Iterator[str]:
    """The sentences on the pool, by formula, with the simulated figure beside them."""
    service = plan.service
    latency_s, pool = service.latency.mean_ms / 1000, service.pool
    hottest_per_s = float(service.rate_per_s * service.popularity.shares().max())
    reads = herd(hottest_per_s, latency_s)
    if plan.parts == 1:
        said = (
            f"The hottest key is asked for {hottest_per_s:,.3g} times a second: where every miss loads, its expiry is "
            f"1 + λL = {reads:,.{0 if reads >= 10 else 1}f} reads"
        )
        if pool is None:
            yield f"{said}."
        elif reads > pool:
            yield f"{said}, more than {_pool_of(pool)}: they take {reads / pool * latency_s:,.2g} s."
        else:
            yield f"{said}, which {_pool_of(pool)} takes at once."
    needed = needed_connections(service) * plan.parts / plan.ttl_factor
    told = "" if pool is None else f" of {pool * plan.parts:,}"
    plural = "connection" if pool is not None and pool * plan.parts == 1 else "connections"
    simulated = ""
    if best is not None and best.costs is not None and best.costs.pool_share is not None and pool is not None:
        simulated = f" (simulated with {best.strategy}: {best.costs.pool_share * pool * plan.parts:,.2g})"
    yield f"One load per key and TTL holds {needed:,.2g}{told} {plural} on average by formula{simulated}."
    if pool is not None and service.keys > pool:
        seconds = service.keys / pool * latency_s
        yield (
            f"A cold start reads {service.keys * plan.parts:,} keys over {_pool_of(pool * plan.parts)}: "
            f"{seconds:,.2g} s for all of them, whatever the strategy."
        )


def _pool_of(connections: int) -> str:
    return f"the pool of {connections:,} connection{'s' * (connections != 1)}"


def advice_beyond(service: Service, excluded: Sequence[Excluded], seed: int) -> Advice:
    """The advice for a service whose pool is too small for any strategy: what would make it enough."""
    assert service.pool is not None
    needed = math.ceil(needed_connections(service, service.allowed_age_s))
    age_s = _age_that_fits(service)
    rate = service.rate_per_s
    wanted = "" if age_s is None else f", or answers up to {age_s:,.3g} s old"
    answer = (
        "No strategy is enough for this service.",
        f"One load per key within {service.allowed_age_s:g} s holds {needed:,} connections on average, and the pool "
        f"has {service.pool:,}: it needs {needed:,} connections{wanted}, or to keep what is seldom asked "
        "for out of this path.",
    )
    grows = BreakEven(
        "pool", float(needed), (float(service.pool), float(needed)), "", "any", f"From {needed:,} connections on there "
        "is something to choose from.",
    )  # fmt: skip
    ranking = tuple(Ranked(one.strategy, {}, {}, None, False, one.why) for one in excluded)
    return Advice(
        service=service,
        simulated=service,
        ranking=ranking,
        answer=answer,
        pool_sentences=(
            f"By formula: {rate:,g} requests/s over {service.keys:,} keys are {needed_loads(service):,.3g} loads/s, "
            f"each of which holds a connection for {service.latency.mean_ms:,g} ms.",
        ),
        break_evens=(grows,),
        level=AdviceLevel.HIGH,
        confidence=("Nothing was simulated: the formula is a lower bound for every strategy.",),
        seed=seed,
    )


def needed_loads(service: Service) -> float:
    """The fewest loads per second of a service with the age that is allowed."""
    return needed_connections(service, service.allowed_age_s) / (service.latency.mean_ms / 1000)


def _age_that_fits(service: Service) -> float | None:
    """The age at which the pool is enough; None where no age below a day makes it so."""
    assert service.pool is not None
    low_s, high_s = service.allowed_age_s, 86_400.0
    if needed_connections(service, high_s) > service.pool:
        return None
    for _ in range(BISECTIONS):
        middle_s = math.sqrt(low_s * high_s)
        is_enough = needed_connections(service, middle_s) <= service.pool
        low_s, high_s = (low_s, middle_s) if is_enough else (middle_s, high_s)
    return high_s
