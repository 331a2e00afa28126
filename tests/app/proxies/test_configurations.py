"""The configurations of the proxies, as the programs themselves judge them."""

import re
import subprocess
from pathlib import Path

import pytest

from app.proxy import Placement, Proxy
from tests.proxies import EVERY, program_of

PORT, PODS = 18_765, ("127.0.0.1:18766", "127.0.0.1:18767")


def judged(proxy: type[Proxy], folder: Path, slip: str = "") -> subprocess.CompletedProcess[str]:
    """The program's own check of its configuration, with a `slip` of the pen in it."""
    program, placement = program_of(proxy), Placement(PORT, PODS, folder)
    for name, text in proxy.files(placement).items():
        (folder / name).write_text(slip + text)
    return subprocess.run(proxy.check(program, placement), capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("proxy", EVERY, ids=lambda proxy: proxy.name)
def test_the_program_accepts_the_configuration_of_every_setting(proxy: type[Proxy], tmp_path: Path) -> None:
    done = judged(proxy, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("proxy", {one.program: one for one in EVERY}.values(), ids=lambda proxy: proxy.name)
def test_the_program_refuses_a_slip_of_the_pen(proxy: type[Proxy], tmp_path: Path) -> None:
    assert judged(proxy, tmp_path, slip="proxy_cash on;\n").returncode != 0


@pytest.mark.parametrize("proxy", EVERY, ids=lambda proxy: proxy.name)
def test_a_configuration_holds_its_port_its_pod_its_route_and_each_line_that_its_docstring_quotes(
    proxy: type[Proxy], tmp_path: Path
) -> None:
    placement = Placement(PORT, PODS, tmp_path)
    text = "\n".join((*proxy.files(placement).values(), *proxy.command("program", placement)))
    assert all(word in text for word in (str(PORT), "18766", "18767", f"/{proxy.name}/data"))
    assert "@" not in text, "a blank is left"
    quoted = (proxy.__doc__ or "").partition("Setting:")[2].partition("Reference:")[0]
    assert not [line for line in re.findall("`([^`]+)`", quoted) if line not in text]


def test_the_name_of_a_proxy_is_that_of_its_module_and_its_setting() -> None:
    names = [proxy.name for proxy in EVERY]
    assert names == [
        "nginx", "nginx_lock", "nginx_swr", "nginx_shared",
        "varnish", "varnish_no_grace", "varnish_grace", "varnish_shared",
    ]  # fmt: skip
    assert not any(proxy.runs_by_default for proxy in EVERY)
