"""Varnish Cache, in three settings: as it is, without grace, and with a longer grace and errors kept out."""

from collections.abc import Mapping
from typing import ClassVar

from app.proxy import Blanks, Placement, Proxy

CONFIGURATION = Blanks("""\
vcl 4.1;

import directors;

@backends

sub vcl_init {
    new pods = directors.round_robin();
    @members
}

sub vcl_recv {
    set req.backend_hint = pods.backend();
    if (req.url !~ "^/@route/data\\?") {
        return (pass);
    }
}

sub vcl_backend_response {
    @setting
}

# how Varnish got an answer, in the words of RFC 9211; `detail` is the lab's own
sub vcl_deliver {
    if (resp.status >= 500) {
        set resp.http.Cache-Status = "varnish; fwd=uri-miss; detail=error";
    } elsif (obj.hits == 0 || obj.uncacheable) {
        set resp.http.Cache-Status = "varnish; fwd=uri-miss; detail=miss";
    } elsif (obj.ttl < 0s) {
        set resp.http.Cache-Status = "varnish; hit; detail=stale";
    } else {
        set resp.http.Cache-Status = "varnish; hit; detail=hit";
    }
}
""")


class Varnish(Proxy):
    """Coalesces requests, and serves what has expired for 10 s more while one fetch in the background replaces it.

    Expect:         one load in front of each pod and expiry, and no request waits for it.
    Where it hurts: a load that fails takes the place of the old answer. Every reader of the key loads then, until one
                    load succeeds.
    Setting:        none: its parameter default_grace is 10 s.
    Reference:      Varnish User Guide, "Grace mode and keep".
    """

    library = "varnish"
    program = "varnishd"
    install = "apt-get install varnish"
    documentation = "https://varnish-cache.org/docs/7.1/users-guide/vcl-grace.html"
    grace_s = 10.0
    statements: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def files(cls, placement: Placement) -> Mapping[str, str]:
        places = [(f"pod{number}", *pod.split(":")) for number, pod in enumerate(placement.pods, start=1)]
        blanks = {
            "backends": "\n".join(
                f'backend {name} {{ .host = "{host}"; .port = "{port}"; }}' for name, host, port in places
            ),
            "members": "\n    ".join(f"pods.add_backend({name});" for name, *_ in places),
            "route": cls.name,
            "setting": "\n    ".join(cls.statements),
        }
        return {"pod.vcl": CONFIGURATION.substitute(blanks)}

    @classmethod
    def command(cls, program: str, placement: Placement) -> list[str]:
        # no jail: it runs as whoever runs the lab, in a folder of the run; no log in shared memory that nobody reads
        here = ["-n", str(placement.folder / "work"), "-j", "none", "-T", "none", "-p", "vsl_space=1M"]
        there = ["-a", f"127.0.0.1:{placement.port}", "-f", str(placement.folder / "pod.vcl"), "-s", "malloc,256M"]
        return [program, "-F", *here, *there]

    @classmethod
    def check(cls, program: str, placement: Placement) -> list[str]:
        here = ["-j", "none", "-n", str(placement.folder / "work")]
        return [program, *here, "-C", "-f", str(placement.folder / "pod.vcl")]

    @classmethod
    def version(cls, program: str) -> list[str]:
        return [program, "-V"]


class VarnishNoGrace(Varnish):
    """Coalesces requests, and answers nothing past the freshness: whoever asks then waits for the one fetch.

    Expect:         one load in front of each pod and expiry, for which the others wait.
    Where it hurts: a slow load holds every reader of its key.
    Setting:        `set beresp.grace = 0s;`
    Reference:      Varnish User Guide, "Grace mode and keep".
    """

    setting = "no_grace"
    grace_s = 0.0
    statements = ("set beresp.grace = 0s;",)


class VarnishGrace(Varnish):
    """Answers for two minutes past the freshness while one fetch in the background replaces the object, or fails.

    Expect:         one load in front of each pod and expiry; no request waits for it, nor sees it fail.
    Where it hurts: the first answer after a quiet time is as old as that time, up to two minutes.
    Setting:        `set beresp.grace = 2m;` `set beresp.keep = 8m;`
                    `if (beresp.status >= 500 && bereq.is_bgfetch) { return (abandon); }`
    Reference:      Varnish User Guide, "Grace mode and keep"; Varnish Reference, VCL steps, `abandon`.
    """

    setting = "grace"
    grace_s = 120.0
    statements = (
        "if (beresp.status >= 500 && bereq.is_bgfetch) { return (abandon); }",
        "set beresp.grace = 2m;",
        "set beresp.keep = 8m;",
    )


class VarnishShared(Varnish):
    """Stands in front of all pods as one cache, and serves what has expired for 10 s while one fetch replaces it.

    Expect:         one load of all pods for each expiry, and no request waits for it.
    Where it hurts: all requests go through one process. A load that fails takes the place of the old answer.
    Setting:        none: its parameter default_grace is 10 s.
    Reference:      Varnish User Guide, "Grace mode and keep"; "Directors" for several backends.
    """

    setting = "shared"
    is_shared = True
