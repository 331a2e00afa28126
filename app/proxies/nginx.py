"""nginx's `proxy_cache`, in three settings: without protection, with its lock, and with stale answers."""

from collections.abc import Mapping
from typing import ClassVar

from app.proxy import Blanks, Placement, Proxy

INACTIVE_S = 600.0
"""How long nginx keeps what is not asked for (`proxy_cache_path … inactive=10m`, its default), however stale it is."""
CONFIGURATION = Blanks("""\
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path body_temp;
    proxy_temp_path proxy_temp;
    fastcgi_temp_path fastcgi_temp;
    uwsgi_temp_path uwsgi_temp;
    scgi_temp_path scgi_temp;
    proxy_cache_path cache levels=1:2 keys_zone=items:10m use_temp_path=off;

    upstream pods {
        @servers
        keepalive 16;
    }

    # nginx's words for how it got an answer, as RFC 9211 has them; `detail` is the lab's own
    map "$status $upstream_cache_status" $how {
        default         "fwd=uri-miss; detail=miss";
        "~^5.* STALE$"  "hit; detail=error";
        "~^5"           "fwd=uri-miss; detail=error";
        "~ EXPIRED$"    "fwd=stale; detail=miss";
        "~ UPDATING$"   "hit; detail=stale";
        "~ STALE$"      "hit; detail=stale";
        "~ HIT$"        "hit; detail=hit";
    }

    server {
        listen 127.0.0.1:@port;
        proxy_http_version 1.1;
        proxy_set_header Connection "";

        location / { proxy_pass http://pods; }
        location = /@route/data {
            proxy_pass http://pods;
            proxy_cache items;
            add_header Cache-Status "nginx; $how" always;
            @setting
        }
    }
}
""")


class Nginx(Proxy):
    """Keeps answers for their `max-age`, and asks the pod with every request that finds none.

    Expect:         a herd at every expiry, in front of each pod.
    Where it hurts: as a pod without protection; this is the control of the other two.
    Setting:        `proxy_cache items;`
    Reference:      ngx_http_proxy_module, `proxy_cache`.
    """

    library = program = "nginx"
    install = "apt-get install nginx-light"
    documentation = "https://nginx.org/en/docs/http/ngx_http_proxy_module.html"
    rounding_s = 1.0  # it compares whole seconds, and an answer is fresh in the second in which it expires
    directives: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def files(cls, placement: Placement) -> Mapping[str, str]:
        setting = "\n            ".join(cls.directives)
        servers = "\n        ".join(f"server {pod};" for pod in placement.pods)
        blanks = {"port": placement.port, "servers": servers, "route": cls.name, "setting": setting}
        return {"nginx.conf": CONFIGURATION.substitute(blanks)}

    @classmethod
    def command(cls, program: str, placement: Placement) -> list[str]:
        # one process, which nothing can outlive; a worker of its own would go on where its master was killed
        return [*cls._with_files(program, placement), "-g", "daemon off; master_process off; pid nginx.pid;"]

    @classmethod
    def check(cls, program: str, placement: Placement) -> list[str]:
        return [*cls._with_files(program, placement), "-g", "pid nginx.pid;", "-t"]

    @classmethod
    def version(cls, program: str) -> list[str]:
        return [program, "-v"]

    @staticmethod
    def _with_files(program: str, placement: Placement) -> list[str]:
        return [program, "-p", str(placement.folder), "-c", "nginx.conf", "-e", "stderr"]


class NginxLock(Nginx):
    """Lets one request at a time fill a new element of the cache, and holds the others for it.

    Expect:         one load in front of each pod for what was never there; a herd at every expiry all the same.
    Where it hurts: the lock is for new elements, and an expired one is none. Who waits looks again every 500 ms.
    Setting:        `proxy_cache_lock on;`
    Reference:      ngx_http_proxy_module, `proxy_cache_lock`.
    """

    setting = "lock"
    directives = ("proxy_cache_lock on;",)


class NginxSwr(Nginx):
    """Answers with what has expired while one request in the background replaces it, and where that fails.

    Expect:         one load in front of each pod and expiry, and no request waits for it.
    Where it hurts: the first answer after a quiet time is as old as that time, up to ten minutes. The connection of the
                    request that begins the update takes no other one until that has ended.
    Setting:        `proxy_cache_lock on;`
                    `proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;`
                    `proxy_cache_background_update on;`
    Reference:      ngx_http_proxy_module, `proxy_cache_use_stale` and `proxy_cache_background_update`.
    """

    setting = "swr"
    grace_s = INACTIVE_S
    directives = (
        "proxy_cache_lock on;",
        "proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;",
        "proxy_cache_background_update on;",
    )


class NginxShared(NginxSwr):
    """Stands in front of all pods as one cache, and answers with what has expired while one request replaces it.

    Expect:         one load of all pods for each expiry, and no request waits for it.
    Where it hurts: all requests go through one process; the first answer after a quiet time is as old as that time.
    Setting:        `proxy_cache_lock on;`
                    `proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;`
                    `proxy_cache_background_update on;`
    Reference:      ngx_http_proxy_module, as `nginx_swr`; ngx_http_upstream_module for several servers.
    """

    setting = "shared"
    is_shared = True
