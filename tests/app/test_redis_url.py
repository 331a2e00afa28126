from urllib.parse import quote

import pytest

from app.hello import complaint_of
from app.redis_url import checked, shown
from app.settings import Settings


@pytest.mark.parametrize(
    "option",
    ["decode_responses=true", "protocol=4", "encoding=latin-1", "health_check_interval=1", "timeout=9", "nobody=knows",
     "socket_timeout=60", "max_connections=1", "ssl_cert_reqs=none", "db=x", "db=1&db=2", "password="],
)  # fmt: skip
def test_an_option_that_would_change_the_lab_is_refused_by_name(option: str) -> None:
    with pytest.raises(ValueError, match=option.partition("=")[0]):
        checked(f"redis://127.0.0.1:6379?{option}")


@pytest.mark.parametrize(
    "url",
    ["redis://127.0.0.1:6379/0", "redis://:p%40ss@host:6379/2", "redis://host?password=x&db=1", "redis://host?protocol=3",
     "unix:///run/redis.sock",
     "redis://", "unix://:p@/run/redis.sock?db=1", "rediss://host?ssl_cert_reqs=none", "rediss://host:1",
     "rediss://host?ssl_min_version=771&ssl_check_hostname=true&ssl_cert_reqs=required&ssl_ca_path=/", "redis://[::1]:6379"],
)  # fmt: skip
def test_what_leads_to_a_redis_is_taken(url: str) -> None:
    assert checked(url) == url


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("rediss://host?ssl_cert_reqs=SECRET", "ssl_cert_reqs"),
        ("rediss://host?ssl_ca_certs=/SECRET", "ssl_ca_certs"),
        ("rediss://host?ssl_ca_path=/SECRET", "ssl_ca_path"),
        ("rediss://host?ssl_certfile=/SECRET", "ssl_certfile"),
        ("rediss://host?ssl_keyfile=/SECRET", "ssl_keyfile"),
        ("rediss://host?ssl_keyfile=/dev/../SECRET&ssl_password=x", "ssl_keyfile"),
        (f"rediss://host?ssl_ca_certs={quote(__file__)}", "ssl_ca_certs"),  # a file, and no certificates in it
        ("rediss://host?ssl_ca_data=SECRET", "ssl_ca_data"),
        ("rediss://host?ssl_ciphers=SECRET", "ssl_ciphers"),
        ("rediss://host?ssl_min_version=1", "ssl_min_version"),
        ("rediss://host?ssl_min_version=SECRET", "ssl_min_version"),
        ("unix://", "path of a socket"),
        ("unix:///", "path of a socket"),
        ("unix://SECRET/redis.sock", "begins with a slash"),
        ("unix:///" + 107 * "S", "path of a socket"),
        ("redis://SECRET:0/0", "port"),
        ("rediss://SECRET:0", "port"),
        ("redis://SECRET..host/0", "host"),
        ("redis://SECRET%00/0", "host"),
        (f"redis://{64 * 'S'}/0", "host"),
    ],
)
def test_a_url_that_can_lead_nowhere_is_refused_by_what_is_wrong_and_not_quoted(url: str, named: str) -> None:
    with pytest.raises(ValueError, match=named) as raised:
        checked(url)
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    ["redis://:SECRET@host:6379/0", "redis://SECRET@host", "redis://u:%53ECRET@host", "redis://host?password=SECRET",
     "redis://host?p%61ssword=SECRET", "redis://:a/SECRET@host", "redis://:a#SECRET@host", "redis://:a@SECRET@host:1",
     "redis://:a?SECRET@host", "http://:SECRET@host", "redis://host:SECRET", "SECRET"],
)  # fmt: skip
def test_no_secret_is_shown(url: str) -> None:
    assert "SECRET" not in shown(url)
    assert "%53" not in shown(url)


def test_an_error_of_the_settings_quotes_no_password() -> None:
    for url in ("redis://:SECRET@host:6379/x", "http://:SECRET@host", "redis://:a/SECRET@host:1"):
        with pytest.raises(ValueError, match="redis_url") as raised:
            Settings(redis_url=url)
        assert "SECRET" not in str(raised.value)
    assert "SECRET" not in repr(Settings(redis_url="redis://:SECRET@host:6379/0"))


def hello(**changes: str) -> list[bytes]:
    said = {"server": "redis", "version": "7.2.4", "mode": "standalone", "role": "master"} | changes
    return [word.encode() for pair in said.items() for word in pair]


def test_a_server_that_the_lab_supports_is_not_complained_about() -> None:
    assert complaint_of(hello()) is None
    assert complaint_of(hello(server="valkey", version="9.1.2")) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"mode": "cluster"}, "cluster"), ({"mode": "sentinel"}, "sentinel"), ({"role": "replica"}, "primary"),
     ({"version": "6.0.16"}, "6.2")],
)  # fmt: skip
def test_any_other_server_is_complained_about_in_one_sentence(changes: dict[str, str], reason: str) -> None:
    assert reason in (complaint_of(hello(**changes)) or "")
