"""Access logs as samples: the figures are those that the log was made with, and no key leaves the reading."""

import gzip
import json
import re
from pathlib import Path

import pytest

from loadtest.studies.advise.samples.access_log import read_access_log
from loadtest.studies.advise.samples.lines import LINE_BYTES_MAX, BadSample
from tests.traffic_samples import BEGIN_S, SECRET_PATH, combined_lines, combined_log, path_of, zipf_requests


def test_a_combined_log_tells_rate_keys_and_zipf_exponent(tmp_path: Path) -> None:
    sample = read_access_log(combined_log(tmp_path / "access.log", 40_000, keys=500, exponent=0.8, rate_per_s=100))
    times_s, _ = zipf_requests(40_000, 500, 0.8, 100)
    assert sample.keys == 500
    assert sample.rate_per_s == pytest.approx(40_000 / times_s[-1], rel=0.01)
    assert sample.zipf is not None
    assert sample.zipf.exponent == pytest.approx(0.8, abs=0.05)
    assert sample.fields()["zipf"] == pytest.approx(0.8, abs=0.05)
    assert sample.busiest_minute_per_s is not None
    assert sample.rate_per_s < sample.busiest_minute_per_s < 1.1 * sample.rate_per_s
    assert sample.why_too_short(60) == []


def test_nothing_of_a_key_is_in_the_figures(tmp_path: Path) -> None:
    sample = read_access_log(combined_log(tmp_path / "access.log", 500))
    told = json.dumps(sample.as_dict()) + repr(sample)
    assert "jane" not in told
    assert SECRET_PATH not in told
    assert "10.0.0" not in told


def test_a_gzipped_log_tells_the_same(tmp_path: Path) -> None:
    plain = combined_log(tmp_path / "access.log", 2_000)
    packed = tmp_path / "access.log.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_access_log(packed) == read_access_log(plain)
    packed.write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(BadSample, match="damaged or ends too early"):
        read_access_log(packed)


def test_only_reads_of_a_key_count_and_404s_are_the_absent_share(tmp_path: Path) -> None:
    times_s, ranks = zipf_requests(400, 10, 1.0, 10)
    lines = combined_lines(times_s, ranks)
    lines[:100] = [line.replace('"GET', '"POST') for line in lines[:100]]
    lines[100:200] = [line.replace(" 200 512 ", " 503 12 ") for line in lines[100:200]]
    lines[200:250] = [line.replace(" 200 512 ", " 404 12 ") for line in lines[200:250]]
    path = tmp_path / "access.log"
    path.write_text("\n".join(lines), encoding="utf-8")
    sample = read_access_log(path)
    assert (sample.left_out, sample.requests, sample.absent_share) == (200, 200, 0.25)


def test_the_pattern_picks_the_key(tmp_path: Path) -> None:
    path = combined_log(tmp_path / "access.log", 300, rate_per_s=10)
    assert read_access_log(path, re.compile(r"^/([^/]+)")).keys == 1
    with pytest.raises(BadSample, match="none of its 300 lines"):
        read_access_log(path, re.compile(r"^/products/(\d+)"))


def test_times_count_as_the_origins_only_where_the_log_says_miss(tmp_path: Path) -> None:
    times_s, ranks = zipf_requests(200, 10, 1.0, 10)
    path = tmp_path / "access.log"
    hits = combined_lines(times_s, ranks, " rt=0.001 ucs=HIT")
    missed = combined_lines(times_s, ranks, " rt=0.350 ucs=MISS")
    path.write_text("\n".join([*hits[:150], *missed[150:]]), encoding="utf-8")
    assert read_access_log(path).fields()["origin"] == "fixed(350)"
    path.write_text("\n".join(combined_lines(times_s, ranks, " rt=0.350")), encoding="utf-8")
    assert "origin" not in read_access_log(path).fields()


def test_json_lines_have_the_key_in_a_field_that_can_be_named(tmp_path: Path) -> None:
    times_s, ranks = zipf_requests(2_000, 50, 1.0, 20)
    path = tmp_path / "access.json"
    told = [
        {"time": BEGIN_S + time_s, "request": f"GET {path_of(rank)} HTTP/2.0", "status": "200", "sku": f"s{rank % 5}"}
        for time_s, rank in zip(times_s.tolist(), ranks, strict=True)
    ]
    path.write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    assert read_access_log(path).keys == 50
    assert read_access_log(path, key_field="sku").keys == 5


def test_malformed_lines_are_counted_and_too_many_of_them_are_refused_unquoted(tmp_path: Path) -> None:
    times_s, ranks = zipf_requests(100, 10, 1.0, 10)
    lines = combined_lines(times_s, ranks)
    lines[4] = "password=hunter2"
    lines[7] = "x" * (LINE_BYTES_MAX + 10)
    path = tmp_path / "access.log"
    path.write_text("\n".join(lines), encoding="utf-8")
    sample = read_access_log(path)
    assert (sample.lines, sample.malformed, sample.first_malformed) == (100, 2, 5)
    path.write_text("\n".join([lines[0], *["password=hunter2"] * 3]), encoding="utf-8")
    with pytest.raises(BadSample, match=r"3 of 4 lines are no line of an access log; the first of them is line 2$"):
        read_access_log(path)


@pytest.mark.parametrize("line", ['{"time": NaN, "uri": "/a"}', '{"time": 1, "uri": [1]}', "[" * 100_000, "{" * 5_000])
def test_hostile_lines_are_malformed_and_no_crash(tmp_path: Path, line: str) -> None:
    path = tmp_path / "access.log"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(BadSample, match="1 of 1 lines"):
        read_access_log(path)
