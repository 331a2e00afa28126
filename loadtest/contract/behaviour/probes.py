"""The probes, in the order in which their findings are told."""

from loadtest.contract.behaviour import answers, cancellations, failures, herds, outages, remains
from loadtest.contract.behaviour.probe import Probe

RIGHT = "right-answers"
"""The probe whose finding, where it does not hold, says that a contender cannot be used."""
LOADS = "loads-per-expiry"
"""The probe that finds the class of protection."""

PROBES = (
    Probe(RIGHT, "Does every request get its own key's value?", answers.right_answers),
    Probe(LOADS, "Who loads at an expiry, over three pods?", herds.loads_per_expiry),
    Probe("long-load", "Who loads while a load takes far longer than usual?", herds.long_load),
    Probe("age", "How old may an answer be?", answers.age),
    Probe("expires", "Do entries expire when nobody asks?", answers.expires),
    Probe("failed-load", "Is a failed load remembered?", failures.failed_load),
    Probe("half-failing", "What do requests get while half of the loads fail?", failures.half_failing),
    Probe(
        "leader-cancelled", "Whom does it harm that the loading request is cancelled?", cancellations.leader_cancelled
    ),
    Probe("follower-cancelled", "Whom does it harm that a waiter is cancelled?", cancellations.follower_cancelled),
    Probe("leader-hangs", "When is somebody answered while a load hangs?", failures.leader_hangs),
    Probe("leader-dies", "When is somebody answered after the loading pod was killed?", failures.leader_dies),
    Probe("flush", "Does it work after a flush?", outages.flushed),
    Probe("restart", "Does it work after a restart of Redis?", outages.restarted),
    Probe("reset", "Does it work after its connections were reset?", outages.reset),
    Probe("away", "What do requests get while Redis is away, and after it?", outages.away),
    Probe("large-values", "Does it keep values of 5 MB?", answers.large_values),
    Probe("left-behind", "What does it leave behind?", remains.left_behind),
    Probe("footprint", "What does Redis hold, and what is it sent?", remains.footprint),
)
QUESTIONS = {probe.name: probe.question for probe in PROBES}
"""The question of each probe, by its name."""
