"""What must hold for `docker-compose.yml`, `.env` and the `Dockerfile`: each rule answers with the faults it finds.

A service with a profile is a tool: it is not always up, comes to an end by itself, and may leave results behind.
"""

import re

from app.settings import Settings
from tests.stack_config.files import VARIABLE, Tree, environment_of, texts

_PINNED = re.compile(r"[\w./-]+:v?\d[\w.-]*(@sha256:[0-9a-f]{64})?")


def pin_faults(compose: Tree, env: dict[str, str], dockerfile: str) -> list[str]:
    """Every image has a tag that means the same tomorrow, and it stands in `.env`; what is built here needs none."""
    services = compose["services"]
    built = {service["image"] for service in services.values() if "build" in service}
    faults = [
        f"{name}: the image {service['image']} is not a pin of .env"
        for name, service in services.items()
        if service["image"] not in built and not VARIABLE.fullmatch(service["image"])
    ]
    pins = {name: value for name, value in env.items() if name.endswith("_IMAGE")}
    faults += [f"{name}={pin}: no version" for name, pin in pins.items() if not _PINNED.fullmatch(pin)]
    defaults = re.findall(r"^ARG (\w+_IMAGE)=(.+)$", dockerfile, re.MULTILINE)
    faults += [f"Dockerfile: {name}={pin}, not as in .env" for name, pin in defaults if pins.get(name) != pin]
    stages = set(re.findall(r"^FROM .+ AS (\S+)$", dockerfile, re.MULTILINE))
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    foreign = [base for base in bases if base not in stages]
    return faults + [f"Dockerfile: FROM {base} is not a pin" for base in foreign if not VARIABLE.fullmatch(base)]


MASTER = "${LOCUST_MASTER_BIND_ADDRESS:-127.0.0.1}:${LOCUST_MASTER_PORT}:5557"
"""Where Locust's workers report: the only port that a variable opens to other machines. Empty is not "everywhere"."""


def port_faults(compose: Tree, env: dict[str, str]) -> list[str]:
    """Nothing listens beyond this machine, and no single variable opens more than the one port that workers need."""
    here = env.get("LOCUST_MASTER_BIND_ADDRESS") == "127.0.0.1"
    faults = [] if here else [".env: LOCUST_MASTER_BIND_ADDRESS is not 127.0.0.1"]
    for name, service in compose["services"].items():
        faults += [
            f"{name}: the port {port} is not 127.0.0.1:${{…_PORT}}:…"
            for port in service.get("ports", [])
            if not re.fullmatch(r"127\.0\.0\.1:\$\{\w+_PORT\}:\d+", str(port)) and (name, port) != ("load", MASTER)
        ]
        if service.get("network_mode") == "host":
            faults.append(f"{name}: the host's network")
    return faults


def login_faults(compose: Tree) -> list[str]:
    """Grafana has nobody whose password could be guessed, and asks for none: everybody is a viewer."""
    stated = {
        "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
        "GF_AUTH_BASIC_ENABLED": "false",
        "GF_AUTH_DISABLE_LOGIN_FORM": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
    }
    return _unlike(compose, stated)


def outside_faults(compose: Tree) -> list[str]:
    """Grafana asks nobody beyond the stack: it starts without a network, and tells nobody of whoever runs it."""
    stated = {
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
    }
    return _unlike(compose, stated)


def _unlike(compose: Tree, stated: dict[str, str]) -> list[str]:
    """What Grafana is told otherwise, or not at all."""
    given = environment_of(compose["services"]["grafana"])
    return [f"grafana: {name} is not {value}" for name, value in stated.items() if given.get(name) != value]


def pull_faults(compose: Tree) -> list[str]:
    """What is built here is to be had nowhere else: a pull of it would begin `make up` with a red line."""
    services = compose["services"]
    built = {service["image"] for service in services.values() if "build" in service}
    return [
        f"{name}: {service['image']} is built here, and looked for in a registry"
        for name, service in services.items()
        if service["image"] in built and service.get("pull_policy") != "never"
    ]


def health_faults(compose: Tree) -> list[str]:
    """`up --wait` is worth as much as the health checks."""
    faults = []
    for name, service in compose["services"].items():
        if "profiles" in service:
            continue
        check = service.get("healthcheck") or {}
        if not check.get("test") or check.get("disable"):
            faults.append(f"{name}: no healthcheck")
        elif check.get("interval") != "2s":
            faults.append(f"{name}: the health check runs every {check.get('interval')}, not 2s")
    return faults


def grace_faults(compose: Tree) -> list[str]:
    """A pod is not ended before its own grace is over; then it has ended by itself."""
    grace = str(compose["services"]["app"].get("stop_grace_period", "10s"))
    own_s = float(Settings.model_fields["grace_s"].default)
    return (
        []
        if float(grace.removesuffix("s")) >= own_s + 2
        else [f"app: is ended after {grace}, its grace is {own_s:g} s"]
    )


_SET = re.compile(r"\$\{\w+:\+([^}]*)\}")
KEPT = ("victoriametrics", "metrics:/tmp")
"""The one volume: what was measured outlives the metrics store."""


def manners_faults(compose: Tree, dockerfile: str) -> list[str]:
    """What a service that is broken into could do is as little as possible."""
    faults = []
    services = compose["services"]
    stages = {
        service["image"]: _targets(service["build"]["target"]) for service in services.values() if "build" in service
    }
    users = _users_of_stages(dockerfile)
    for name, service in services.items():
        built = [users.get(stage, "") for stage in stages.get(service["image"], [""])]
        whose = [str(service["user"])] if service.get("user") else built
        held = {
            "runs as root": any(user.partition(":")[0] in {"", "0", "root"} for user in whose),
            "may write to its image": service.get("read_only") is not True,
            "keeps capabilities": service.get("cap_drop") != ["ALL"] or bool(service.get("cap_add")),
            "may gain privileges": "no-new-privileges:true" not in service.get("security_opt", []),
            "is privileged": bool(service.get("privileged")),
            "has a container_name, so there can be only one": "container_name" in service,
        }
        faults += [f"{name}: {what}" for what, is_so in held.items() if is_so]
        writable = [one for one in service.get("volumes", []) if not str(one).endswith(":ro") and (name, one) != KEPT]
        faults += [f"{name}: may write to {volume}" for volume in writable if "profiles" not in service]
    return faults


def _targets(text: str) -> list[str]:
    """The stages that a target may be: with what it says of a variable that is set, and without."""
    return [_SET.sub(replaced, text) for replaced in (r"\1", "")]


def _users_of_stages(dockerfile: str) -> dict[str, str]:
    """The user of each stage, which a stage takes over from the one that it begins with."""
    users: dict[str, str] = {}
    stage = ""
    for line in dockerfile.splitlines():
        if begins := re.match(r"FROM (\S+) AS (\S+)", line):
            stage = begins[2]
            users[stage] = users.get(begins[1], "")
        elif line.startswith("USER "):
            users[stage] = line.removeprefix("USER ").strip()
    return users


def variable_faults(compose: Tree, env: dict[str, str]) -> list[str]:
    """`.env` has every variable that Compose fills in, but for those that name a default; and no other."""
    used = {name for text in texts(compose) for name in VARIABLE.findall(text)} - {"COMPOSE_PROJECT_NAME"}
    optional = {name for text in texts(compose) for name in re.findall(r"\$\{(\w+):-", text)}
    for service in compose["services"].values():
        used |= {name for name, value in environment_of(service).items() if value is None}
    faults = [f"{name} is not in .env" for name in sorted(used - optional - env.keys())]
    return faults + [f".env: nothing uses {name}" for name in sorted(env.keys() - used)]


def comment_faults(env_text: str) -> list[str]:
    """Every block of variables says what they are: it begins with a comment."""
    blocks = [block for block in env_text.split("\n\n") if block.strip()]
    return [f".env: no comment over {block.splitlines()[0]}" for block in blocks if not block.startswith("#")]


def setting_faults(compose: Tree, load_sources: str) -> list[str]:
    """Every LAB_ variable that a container gets is one that its program reads."""
    settings = {f"LAB_{field.upper()}" for field in Settings.model_fields}
    options = set(re.findall(r'(?:env_var=|environ\[|environ\.get\()"(LAB_\w+)"', load_sources))
    faults = []
    for name, service in compose["services"].items():
        given = {key: value for key, value in environment_of(service).items() if key.startswith("LAB_")}
        known = settings if service["image"].endswith("/service") else options
        faults += [f"{name}: nothing reads {key}" for key in given if key not in known]
    return faults
