"""The invariants, which hold at every event, whatever the strategy does and whatever breaks."""

from dataclasses import dataclass
from enum import Enum, unique


@unique
class Invariant(Enum):
    """An invariant, whose value is the sentence that holds at every event of a run."""

    ONE_HOLDER = "no lock is granted while another token validly holds it, nor refused while it is free or one's own"
    OWN_LOCK = "no lock is released or renewed but by the token that validly holds it"
    FENCED_WRITE = "no write under a token is accepted unless that token validly holds the lock"
    ONE_REFRESH = "no pod refreshes a key without the lock while another validly holds it"
    FAILED_ONCE = "while the mark of a failed load stands, no lock of its key is granted, and it stands no longer"
    NEWER_ONLY = "no fenced write replaces an entry by an older one: versions never go backwards"
    STAYS_DELETED = "no load that began before a delete of its key stores under its token after it"
    KEPT_NO_LONGER = "nothing is stored beyond its keep_until, but for the window of stale-if-error"
    AS_PROMISED = "nothing is kept for longer than the strategy promises (oldest_s)"
    FRESH_ENOUGH = (
        "no answer is older, when it is asked for, than the strategy promises, or than loads take; "
        "a stale one may be, by the window of stale-if-error"
    )
    NO_WAY_BACK = "who has seen an item of the cache sees none read earlier, by more than the longest load takes"
    ANSWERED_IN_TIME = "every request is answered by its deadline"
    ANSWERED_WITHIN = "no pod takes longer for an answer than its time-outs allow, the hard one included"
    GIVES_UP = "no client waits longer than its time-out for each attempt, and its longest delay between them"
    RETRIES_BOUNDED = "retries stay within their budget at any moment, and attempts within the retries of a request"
    COMES_BACK = (
        "some time after its last fault and spike a run is well again, where its load leaves the origin room: "
        "all are answered, no breaker stays open, no limit stays used up, no lock and no mark remains"
    )
    WOKEN = "nobody who waits for an entry sleeps on after its notification, but for a poll where it was not heard"
    SHARED_POOL = "no more reads are under way in all pods together than they share connections"
    NOTHING_LEFT = "when all is answered, nothing is in flight, no task runs and no error went unseen"
    RIGHT_ANSWER = "every item is the one that was asked for, intact"
    NO_CRASH = "no strategy raises anything but what it may"
    REDIS_IS_THERE = "no command fails, and Redis is not taken for away, unless something is done to it or its pod"
    LETS_OTHERS_RUN = "nobody holds the loop without awaiting anything"
    SAME_ONE_BY_ONE = "hits that are answered by array are the ones that come of simulating each of them"
    GOES_ON = "the run comes to its end: nobody waits for ever, nobody spins"

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Violation:
    """The first event of a run at which an invariant did not hold."""

    invariant: Invariant
    at_s: float
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}, at {self.at_s:.6f} s: {self.what}"
