"""Annotations, which mark moments over all panels: runs of the load, faults, edits, alarms; and planned faults' spans.

Grafana asks for annotations at a step of its own choice, so that a moment is a change since the step before. A missing
scrape is no moment: a series counts as present for five seconds after its last sample.
"""

from grafana.boards.source import SOURCE, Json

RUNS_COLOR, FAULTS_COLOR, EDITS_COLOR, ALERTS_COLOR = "#8AB8FF", "#FF7383", "#B877D9", "#FFB357"
BROKEN_COLOR = "#E02F44"

RUNS = "max by (scenario) (max_over_time(lab_load_scenario_info[5s]{}))"
RATE = "round(max(last_over_time(lab_load_target_rate[5s]{})) > 0)"
AWAY = "max(max_over_time(lab_cache_away[5s]{})) > 0"
PODS = 'max by (pod) (max_over_time(up{{job="app"}}[5s]{})) > 0'
CODE = "max by (code) (max_over_time(lab_code_info[5s]{}))"
BROKEN = "max by (fault, does) (max_over_time(lab_fault[$__interval]))"
"""The faults that are there on purpose: steps one after another are one region, from its beginning to its end."""
FIRES = 'ALERTS{{alertstate="firing"}}{}'


def annotations() -> list[Json]:
    return [
        _annotation("Load", RUNS_COLOR, "{{what}}", "{{scenario}}", _load()),
        _annotation("Faults", FAULTS_COLOR, "{{what}}", "{{pod}}", _faults()),
        _annotation("Broken on purpose", BROKEN_COLOR, "{{fault}}", "{{does}}", BROKEN) | {"tagKeys": "fault"},
        _annotation("Edits", EDITS_COLOR, "The code of the pods", "{{code}}", _becomes(CODE)),
        _annotation("Alerts", ALERTS_COLOR, "{{alertname}}", "{{strategy}} {{pod}}", _becomes(FIRES)),
    ]


def _load() -> str:
    return _either(
        ("The load starts", _becomes(RUNS)),
        ("The load ends", _ceases(RUNS)),
        ("The load changes", f"{RATE.format('')} != {RATE.format(' offset $__interval')}"),
    )


def _faults() -> str:
    return _either(
        ("Redis is away", _becomes(AWAY)),
        ("Redis is back", _ceases(AWAY)),
        ("A pod is gone", _ceases(PODS)),
        ("A new pod", _becomes(PODS)),
    )


def _either(*named: tuple[str, str]) -> str:
    """One query for all of these expressions, told apart by the label `what`."""
    return " or ".join(f'label_set({expr}, "what", "{what}")' for what, expr in named)


def _becomes(expr: str) -> str:
    """The query for the moments at which `expr` begins to be true."""
    return f"{expr.format('')} unless {expr.format(' offset $__interval')}"


def _ceases(expr: str) -> str:
    return f"{expr.format(' offset $__interval')} unless {expr.format('')}"


def _annotation(name: str, color: str, title: str, text: str, expr: str) -> Json:
    return {
        "name": name,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "datasource": SOURCE,
        "target": {"refId": "Annotation", "expr": expr, "interval": "1s"},
        "titleFormat": title,
        "textFormat": text,
    }
