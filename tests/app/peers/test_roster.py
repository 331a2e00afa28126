"""Who the other pods are: as stated, or as Docker's DNS has it at the moment."""

import asyncio
from collections.abc import Iterable

import pytest

from app.peers.names import PEERS_MAX, PeerNames, read_peers
from app.peers.roster import LOOK_EVERY_S, PeerRoster
from app.settings import Settings
from loadtest.sim.kernel import loop


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", PeerNames()),
        (
            "pod-1=127.0.0.1:8001, pod-2=[::1]:8002",
            PeerNames({"pod-1": ("127.0.0.1", 8001), "pod-2": ("::1", 8002)}),
        ),
        ("dns:app:8000", PeerNames(service=("app", 8000))),
    ],
)
def test_the_pods_are_named_one_by_one_or_by_their_service(text: str, names: PeerNames) -> None:
    assert read_peers(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "pod-1",
        "pod-1=host",
        "pod-1=host:0",
        "pod-1=host:65536",
        "=host:1",
        "a=h:1,a=h:2",
        "dns:app",
        "dns::1",
        ",".join(f"p{number}=h:1" for number in range(PEERS_MAX + 1)),
    ],
)
def test_what_names_no_pods_is_told_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match=r"peers\n.*must be"):
        Settings(peers=text)


def test_pods_behind_a_name_are_met_as_they_come_and_go_and_stay_while_there_is_no_answer() -> None:
    answers: list[dict[str, str] | OSError] = [
        {"10.0.0.2": "app-1"},
        {"10.0.0.2": "app-1", "10.0.0.3": "app-2"},
        OSError("no resolver"),
        {"10.0.0.4": "app-2"},
    ]
    met: list[list[str]] = []

    def look_up(service: str) -> dict[str, str]:
        assert service == "app"
        answer = answers.pop(0) if answers else {"10.0.0.4": "app-2"}
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def story() -> dict[str, tuple[str, int]]:
        roster = PeerRoster(read_peers("dns:app:8000"), look_up)

        def meet(pods: Iterable[str]) -> None:
            met.append(sorted(pods))

        following = asyncio.create_task(roster.follow(meet))
        await asyncio.sleep(5.5 * LOOK_EVERY_S)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        return roster.addresses

    async def at_once(function: object, *arguments: object) -> object:
        return function(*arguments)  # type: ignore[operator]  # virtual time has no threads

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asyncio, "to_thread", at_once)
        addresses = loop.run(story())
    assert met == [["app-1"], ["app-1", "app-2"], ["app-2"]]
    assert addresses == {"app-2": ("10.0.0.4", 8000)}
