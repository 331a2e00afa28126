"""The net that decides an outage: old answers where a load fails, as far as the age allowed reaches."""

from typing import NamedTuple

from loadtest.studies.advise.candidates import Candidate
from loadtest.studies.advise.contest import Contest
from loadtest.studies.advise.costs import failed_share
from loadtest.studies.advise.situations import OUTAGE_S, Situation
from loadtest.studies.advise.trials import NetsTable, Trial

AGE_S_MIN = 0.5
"""The least age that is left for a net, seconds."""
DECIDES = 0.5
"""The share of the failed requests that a net has to leave, or less, to be worth a word."""
FAILED_MIN = 0.005
"""The share of failed requests of an outage that is worth a net."""


class NetFound(NamedTuple):
    """A table `[nets]` that decides the outage, and the sentence that says so."""

    table: NetsTable
    sentence: str


async def nets_for(contest: Contest, best: Candidate) -> NetFound | None:
    """The net for this candidate; None where the age allows none, or where it changes little."""
    left_s = round(contest.plan.allowed_age_s - best.oldest_s, 1)
    (row,) = contest.trials.of(contest.service, best, Situation.OUTAGE)[:1]
    before = failed_share(row)
    if left_s < AGE_S_MIN or before < FAILED_MIN:
        return None
    table = (("stale_if_error_s", left_s),)
    trial = Trial(contest.service, best, Situation.OUTAGE, 1, table)
    await contest.trials.make([trial])
    after = failed_share(contest.trials.rows[trial])
    if after > DECIDES * before:
        return None
    said = (
        f"With the net stale_if_error_s = {left_s:g} round it, {100 * after:.2g} % of the requests fail around an "
        f"outage of {OUTAGE_S:g} s, in the place of {100 * before:.2g} % (n = 1)."
    )
    return NetFound(table, said)
