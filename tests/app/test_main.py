"""The service over HTTP, with a real Redis and a real SQLite."""

import asyncio
import json
import zlib
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

import app.strategies
from app.codec import decode
from app.contender_names import version_of
from app.discovery import discover
from app.main import create_app
from app.strategy import LoadReason, MechanismKind, Status
from tests.pod import ledger_rows, pod_settings, running_pod

STRATEGIES = list(discover().strategies)

BAD_QUERIES = [
    "id=-1", "id=64", f"id={2**63}", "id=1e400", "id=1e1", "id=abc", "id=", "id", "", "id=NaN", "id=٣", "id=%D9%A3",
    "id=%00", "id=7%00", "id=1&id=2", "id=1&id=1", "id=1&x=2", "ID=1", "id=01", "id=+1", "id=1.0", "id=0x1", "id= 1",
    "id=1%20", "id=%FF", "id=1;id=2", "id=" + "9" * 10_000, "id=1&" + "x" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_item_is_loaded_once_and_then_served_untouched(redis_url: str, tmp_path: Path, strategy: str) -> None:
    async def scenario() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path)) as client, Redis.from_url(redis_url) as redis:
            first = await client.get(f"/{strategy}/data?id=7")
            second = await client.get(f"/{strategy}?id=7")
            stored = await redis.get(f"lab:{strategy}:7")
            rows = await ledger_rows(client)
        assert first.status_code == second.status_code == 200
        assert isinstance(stored, bytes)
        assert first.content == second.content == decode(stored).body
        item = first.json()
        assert item["id"] == 7
        assert zlib.crc32(item["text"].encode()) == item["crc32"]
        assert first.headers["cache-status"].startswith("stampede-lab; fwd=miss; detail=miss; ttl=")
        assert second.headers["cache-status"].startswith("stampede-lab; hit; detail=hit; ttl=")
        assert first.headers["x-served-by"] == "pod-under-test"
        assert [(row["key"], row["strategy"], row["reason"], row["outcome"]) for row in rows] == [
            (f"lab:{strategy}:7", strategy, LoadReason.MISS, "ok")
        ]
        assert rows[0]["asked_s"] <= rows[0]["started_s"] <= rows[0]["ended_s"] - 0.02 + 1e-3

    asyncio.run(scenario())


def test_a_bad_id_is_refused_before_redis_and_the_origin(redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path)) as client, Redis.from_url(redis_url) as redis:
            for strategy in STRATEGIES:
                for query in BAD_QUERIES:
                    answer = await client.get(f"/{strategy}/data?{query}")
                    assert 400 <= answer.status_code < 500, (query, answer.text)
                    assert "0 to 63" in answer.json()["reason"]
            assert await redis.keys("lab:*") == []
            assert await ledger_rows(client) == []

    asyncio.run(scenario())


def test_an_escaped_id_names_the_same_key(redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path)) as client, Redis.from_url(redis_url) as redis:
            assert (await client.get("/static?%69d=%37")).status_code == 200
            assert await redis.keys("lab:*") == [b"lab:static:7"]

    asyncio.run(scenario())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_absent_item_is_remembered_for_its_own_short_time(redis_url: str, tmp_path: Path, strategy: str) -> None:
    async def scenario() -> None:
        settings = pod_settings(redis_url, tmp_path, negative_ttl_s=0.4, ttl_s=60)
        async with running_pod(settings) as client, Redis.from_url(redis_url) as redis:
            codes = [(await client.get(f"/{strategy}?id=62")).status_code for _ in range(5)]
            life_ms = await redis.pttl(f"lab:{strategy}:62")
            reads = await ledger_rows(client)
        assert codes == [404] * 5
        assert 0 < life_ms <= 400
        assert len(reads) == 1

    asyncio.run(scenario())


def test_every_metric_has_its_children_before_the_first_request(redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> str:
        async with running_pod(pod_settings(redis_url, tmp_path)) as client:
            return (await client.get("/metrics")).text

    text = asyncio.run(scenario())
    for strategy in STRATEGIES:
        for status in Status:
            assert f'lab_requests_total{{status="{status}",strategy="{strategy}"}} 0.0' in text
        for reason in LoadReason:
            assert f'lab_origin_asked_total{{reason="{reason}",strategy="{strategy}"}} 0.0' in text
            assert f'lab_origin_reads_total{{reason="{reason}",strategy="{strategy}"}} 0.0' in text
        assert f'lab_origin_asked_again_total{{strategy="{strategy}"}} 0.0' in text
        assert f'lab_origin_failures_total{{strategy="{strategy}"}} 0.0' in text
        assert f'lab_origin_shed_total{{strategy="{strategy}"}} 0.0' in text
        assert f'lab_request_duration_seconds_count{{strategy="{strategy}"}} 0.0' in text
        assert f'lab_origin_readers_waiting{{strategy="{strategy}"}} 0.0' in text


def test_the_metrics_count_what_happened(redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> str:
        async with running_pod(pod_settings(redis_url, tmp_path)) as client:
            for _ in range(3):
                await client.get("/static?id=1")
            return (await client.get("/metrics")).text

    text = asyncio.run(scenario())
    assert 'lab_requests_total{status="miss",strategy="static"} 1.0' in text
    assert 'lab_requests_total{status="hit",strategy="static"} 2.0' in text
    assert 'lab_origin_reads_total{reason="miss",strategy="static"} 1.0' in text
    assert 'lab_answer_age_seconds_count{strategy="static"} 3.0' in text


def test_strategies_says_what_there_is_and_how_it_is_tuned(redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = pod_settings(redis_url, tmp_path, params={"xfetch": {"beta": 2}})
        async with running_pod(settings) as client:
            said = (await client.get("/strategies")).json()
            assert (await client.get("/healthz")).json() == {"status": "ok", "pod": "pod-under-test"}
            assert (await client.get("/readyz")).json()["cache"] == "up"
        assert list(said["strategies"]) == STRATEGIES
        assert said["broken"] == {}
        beta = said["strategies"]["xfetch"]["parameters"]["beta"]
        assert beta == {
            "value": 2.0,
            "default": 1.0,
            "description": discover().strategies["xfetch"].parameters()["beta"].description,
        }

    asyncio.run(scenario())


def test_a_file_dropped_in_is_a_route_and_a_broken_one_takes_nobody_down(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "strategies"
    own.mkdir()
    template = Path(app.strategies.__path__[0]) / "_template.py"
    (own / "dropped_in.py").write_text(template.read_text().replace("Template", "DroppedIn"))
    (own / "half_written.py").write_text("def (")
    monkeypatch.setattr(app.strategies, "__path__", [*app.strategies.__path__, str(own)])

    async def scenario() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path)) as client:
            assert (await client.get("/dropped_in/data?id=3")).json()["id"] == 3
            assert (await client.get("/static/data?id=3")).status_code == 200
            broken = await client.get("/half_written?id=3")
            said = (await client.get("/strategies")).json()
        assert broken.status_code == 503
        assert "half_written.py" in broken.json()["reason"]
        assert "SyntaxError" in said["broken"]["half_written"]
        assert "dropped_in" in said["strategies"]

    asyncio.run(scenario())


def test_a_bound_is_served_where_the_settings_ask_for_it(redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = pod_settings(redis_url, tmp_path, references=True)
        async with running_pod(settings) as client:
            answers = [await client.get("/nocache/data?id=7") for _ in range(3)]
            rows, said = await ledger_rows(client), (await client.get("/strategies")).json()
        assert [answer.headers["cache-status"].split("detail=")[1][:4] for answer in answers] == ["miss"] * 3
        assert len(rows) == 3
        assert (list(said["references"]), list(said["strategies"])) == (["nocache"], STRATEGIES)
        async with running_pod(pod_settings(redis_url, tmp_path)) as client:
            assert (await client.get("/nocache/data?id=7")).status_code == 404
            assert "nocache" not in (await client.get("/metrics")).text

    asyncio.run(scenario())


def test_a_mistake_is_served_and_told_with_its_right_twin_where_the_settings_ask_for_it(
    redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path, wrong=True)) as client:
            assert (await client.get("/half_lock/data?id=7")).status_code == 200
            said = (await client.get("/strategies")).json()
            assert "✗ wrong on purpose, right is singleflight" in (await client.get("/metrics")).text
        assert said["wrong"]["half_lock"]["right_twin"] == "singleflight"
        assert said["strategies"]["singleflight"]["right_twin"] is None
        assert said["groups"] == discover(wrong=True).groups
        async with running_pod(pod_settings(redis_url, tmp_path)) as client:
            assert (await client.get("/half_lock/data?id=7")).status_code == 404
            assert (await client.get("/strategies")).json()["groups"]["wrong"] == []

    asyncio.run(scenario())


@pytest.mark.filterwarnings("ignore:Call to deprecated close")  # what the library calls
def test_a_contender_is_served_where_it_is_named_and_its_answers_are_counted_as_any_strategy_s(
    redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path, contenders="cashews_lock")) as client:
            answers = await asyncio.gather(*(client.get("/cashews_lock/data?id=7") for _ in range(5)))
            hit = await client.get("/cashews_lock/data?id=7")
            absent = [await client.get("/cashews_lock/data?id=61") for _ in range(2)]
            said, metrics = (await client.get("/strategies")).json(), (await client.get("/metrics")).text
            rows = await ledger_rows(client)
        assert {answer.status_code for answer in (*answers, hit)} == {200}
        assert sorted(detail(answer) for answer in answers) == ["collapsed"] * 4 + ["miss"]
        assert detail(hit) == "hit"
        assert [(answer.status_code, detail(answer)) for answer in absent] == [(404, "miss"), (404, "hit")]
        assert [row["key"] for row in rows] == ["lab:cashews_lock:7", "lab:cashews_lock:61"]
        assert said["contenders"]["cashews_lock"]["library"] == f"cashews {version_of('cashews')}"
        assert said["contenders"]["cashews_lock"]["oldest_s"] is None
        assert 'lab_requests_total{status="collapsed",strategy="cashews_lock"} 4.0' in metrics
        assert 'kind="contenders"' in metrics
        assert "aiocache" not in said["contenders"]  # whose library is not even imported
        async with running_pod(pod_settings(redis_url, tmp_path)) as client:
            assert (await client.get("/cashews_lock/data?id=7")).status_code == 404
            assert (await client.get("/strategies")).json()["groups"]["contenders"] == []

    def detail(answer: httpx.Response) -> str:
        return str(answer.headers["cache-status"]).split("detail=")[1].split(";")[0]

    asyncio.run(scenario())


def test_a_contender_that_cannot_be_served_is_refused_by_name(redis_url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^LAB_CONTENDERS: there is no strategy 'cashew': name some of "):
        create_app(pod_settings(redis_url, tmp_path, contenders="cashew"))


def test_a_strategy_that_raises_is_answered_with_its_name_and_no_trace(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def raising(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(discover().strategies["static"], "get_or_load", raising)

    async def scenario() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path)) as client:
            answer = await client.get("/static?id=1")
        assert answer.status_code == 500
        assert answer.json() == {"error": "error", "reason": "static raised KeyError('oops')"}

    asyncio.run(scenario())


def test_an_origin_that_fails_is_a_503_with_a_reason_and_recovers(redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = pod_settings(redis_url, tmp_path)
        async with running_pod(settings) as client:
            whole, retry_after_ms = settings.origin_path.read_bytes(), 0
            settings.origin_path.write_bytes(b"not a database" * 100)
            for strategy in STRATEGIES:
                answer = await client.get(f"/{strategy}?id=1")
                assert answer.status_code == 503
                assert answer.json()["error"] == Status.ERROR
                assert "DatabaseError" in answer.json()["reason"]
                assert "detail=error" in answer.headers["cache-status"]
                assert answer.headers["retry-after"] == "1"
                retry_after_ms = max(retry_after_ms, int(answer.headers.get("x-retry-after-ms", 0)))
            assert 0 < retry_after_ms <= settings.nets.failure_mark_ms
            await asyncio.sleep(retry_after_ms / 1000)
            settings.origin_path.write_bytes(whole)
        async with running_pod(settings) as client:
            for strategy in STRATEGIES:
                assert json.loads((await client.get(f"/{strategy}?id=1")).content)["id"] == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"xfetch": {"beta": -1}}, r"xfetch\.beta: must be a number from 0 to 100, not -1"),
        ({"xfetch": {"gamma": 1}}, r"xfetch\.gamma: no such parameter \(there is beta, form\)"),
        ({"nobody": {"beta": 1}}, r"params\.nobody: no such strategy"),
        ({"jitter": {"form": "wild"}}, r"jitter\.form: must be one of mean-preserving, longer, not 'wild'"),
    ],
)
def test_a_parameter_beyond_its_bound_is_named(
    redis_url: str, tmp_path: Path, params: dict[str, dict[str, float | str]], said: str
) -> None:
    from app.main import create_app

    with pytest.raises(ValueError, match=said):
        create_app(pod_settings(redis_url, tmp_path, params=params))


def test_a_pod_does_not_take_the_lock_of_another_with_its_name_and_seed_for_its_own(
    redis_url: str, tmp_path: Path
) -> None:
    """As of a container that is started again: the seed repeats what it draws, the tokens of its locks must differ."""
    found = discover().strategies
    kinds = {name: found[name].stated(1.0, {}).mechanism().kind for name in found if found[name].runs_by_default}
    collapsing = next(name for name, kind in kinds.items() if kind is MechanismKind.COLLAPSE)
    settings = pod_settings(redis_url, tmp_path, origin_latency="fixed(200)")

    async def scenario() -> None:
        async with running_pod(settings) as first, running_pod(settings) as second:
            asked = [client.get(f"/{collapsing}/data?id=7") for client in (first, second)]
            answers = await asyncio.gather(*asked)
            rows = await ledger_rows(first) + await ledger_rows(second)
        assert [answer.status_code for answer in answers] == [200, 200]
        assert len(rows) == 1, "both held the lock"

    asyncio.run(scenario())


def test_whom_to_scrape_is_told_by_name_and_nothing_else_is_looked_up(redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path)) as client:
            found = (await client.get("/targets?service=localhost&port=9646")).json()
            nobody = await client.get("/targets?service=no-such-service")
            bad = [(await client.get(f"/targets?{query}")).status_code for query in BAD_TARGETS]
        assert {"targets": ["127.0.0.1:9646"], "labels": {"pod": "127.0.0.1"}} in found
        assert (nobody.status_code, nobody.json()) == (200, [])
        assert bad == [422] * len(BAD_TARGETS)

    asyncio.run(scenario())


BAD_TARGETS = [
    "service=a.example",
    "service=",
    "service=%00",
    "service=-",
    "service=" + "a" * 64,
    "port=0",
    "port=65536",
]
