"""The vocabulary of a proxy: a cache of HTTP answers that stands in front of each pod, such as nginx or Varnish.

A proxy is a program that is installed beside a pod, and asks no Redis. Its class states what that program is started
with. It is a strategy too: that of the pod behind the proxy, which keeps nothing. Every answer of that pod says for how
long it may be kept (RFC 9111), and when it was loaded.
"""

import math
import os
import re
import shutil
import subprocess
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import ClassVar

from app.strategy import Loader, LoadReason, Lookup, Mechanism, Status, Strategy

LOADED = "x-loaded"
"""The header by which an answer tells when its load began and ended, in seconds on the cache's clock.

A proxy keeps it with the answer, so that whoever gets that knows its age.
"""
VERSION_WITHIN_S = 10.0
"""Seconds within which a program says its version."""
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)+")
_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Folders of servers' programs, which are on the PATH of root alone on Debian."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The place of one proxy: its port of the loopback, the pods behind it, and a folder of its own."""

    port: int
    pods: tuple[str, ...]
    """The `host:port` of each pod."""
    folder: Path
    """The folder of its configuration, its cache and its logs, by an absolute path."""


class Blanks(Template):
    """A configuration with blanks such as `@port`; `@@` is one @."""

    delimiter = "@"


class Proxy(Strategy):
    """A cache of HTTP answers in front of each pod, which decides who asks the pod, who waits and who gets old ones.

    The setting of a proxy is a class of its own, named by its module and its `setting`.
    """

    setting: ClassVar[str] = ""
    """The name of the setting, behind that of the module; empty for the one that the module's name stands for."""
    program: ClassVar[str]
    """The file of the program."""
    install: ClassVar[str]
    """The command that installs it, here that of Debian."""
    documentation: ClassVar[str]
    """The page whose settings are taken."""
    licence: ClassVar[str] = "BSD-2-Clause"
    is_shared: ClassVar[bool] = False
    """Whether one stands in front of all pods, which then share its cache; else there is one in front of each."""
    grace_s: ClassVar[float] = 0.0
    """How long past its freshness an answer may be served, seconds."""
    rounding_s: ClassVar[float] = 0.0
    """How much longer than stated an answer may stay fresh, because its program counts in whole steps, seconds."""
    not_virtual: ClassVar[str] = "it is a program of its own, and its clock is the machine's"
    runs_by_default = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.name = "_".join(filter(None, (cls.name, cls.setting)))
        cls.runs_by_default = False

    @classmethod
    @abstractmethod
    def files(cls, placement: Placement) -> Mapping[str, str]:
        """The texts of its configuration files, by their names in the folder of its place."""

    @classmethod
    @abstractmethod
    def command(cls, program: str, placement: Placement) -> list[str]:
        """The command that runs it in the foreground, as one that ends with its parent."""

    @classmethod
    @abstractmethod
    def check(cls, program: str, placement: Placement) -> list[str]:
        """The command by which the program judges its configuration, and which exits with 0 where that is right."""

    @classmethod
    @abstractmethod
    def version(cls, program: str) -> list[str]:
        """The command that prints the version of the program."""

    @classmethod
    def installed_version(cls) -> str:
        """The version that the program says of itself; empty where it is not installed, or says none."""
        program = cls.found()
        if program is None:
            return ""
        command = cls.version(program)
        told = subprocess.run(command, capture_output=True, text=True, timeout=VERSION_WITHIN_S, check=False)
        found = _VERSION.search(told.stdout + told.stderr)
        return "" if found is None else found[0]

    @classmethod
    def found(cls) -> str | None:
        """The path of the program; None where it is not installed."""
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS))
        return shutil.which(cls.program, path=path)

    def mechanism(self) -> Mechanism:
        """The mechanism has no formula. Caches that are not shared differ in the age of their answers."""
        window_s = self.rounding_s + self.grace_s
        mechanism = Mechanism.unknown(window_s=window_s)
        return mechanism if self.is_shared else mechanism.lagging(self.ttl_s + window_s)

    def oldest_s(self) -> float:
        """No bound, as with every contender: how old its answers are is a figure."""
        return math.inf

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        loaded = await load(LoadReason.MISS)
        return Lookup(Status.MISS, loaded.as_entry(self.ttl_s))
