"""The companion of a user's own Locust file, given to Locust as a second file.

It counts that file's requests by the strategy that their path begins with, and controls access to the web UI.
"""

import os
from argparse import Namespace
from typing import Any
from urllib.parse import urlsplit

import gevent
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner
from locust.web import WebUI

from app.discovery import discover
from loadtest.generator.door import close_door
from loadtest.generator.exporter import LoadMetrics

OTHERS = "other"
"""The label of requests whose path begins with no strategy."""
LOOK_EVERY_S = 1.0


@events.init.add_listener
def join(environment: Environment, web_ui: WebUI | None = None, **_: Any) -> None:
    options = environment.parsed_options or Namespace()
    if web_ui is not None and web_ui.app is not None:
        close_door(web_ui.app, [web_ui.host], dict(vars(options)))
    port = os.environ.get("LAB_METRICS_PORT")
    if not port or isinstance(environment.runner, MasterRunner):
        return  # a master sends nothing
    metrics = LoadMetrics(int(port), os.environ.get("LAB_METRICS_HOST", "127.0.0.1"))
    known = frozenset(discover(wrong=True).choosable)

    @environment.events.request.add_listener
    def answered(
        name: str, response_time: float, exception: Any = None, response: Any = None, url: str | None = None, **_: Any
    ) -> None:
        first = urlsplit(url or name).path.strip("/").partition("/")[0]
        code = int(getattr(response, "status_code", 0) or 0)
        fault = "told by its own file" if exception is not None and code == 200 else ""
        metrics.answered(first if first in known else OTHERS, code, response_time / 1000, None, fault)

    def follow() -> None:
        while True:
            runner = environment.runner
            if runner is not None and runner.user_count:
                metrics.runs([], runner.user_count, 0.0, None)
            else:
                metrics.rests()
            gevent.sleep(LOOK_EVERY_S)

    gevent.spawn(follow)
