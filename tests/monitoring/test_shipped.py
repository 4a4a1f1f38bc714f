"""The alert rules and the board that are shipped name what is really exported, with labels that it really has."""

import json
import re
import shutil
import subprocess
from collections import defaultdict

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from ondol import metrics
from ondol.deployment.models import Deployment
from ondol.monitoring.facts import DatabaseFacts, read_facts
from ondol.monitoring.server import BUILD
from tests.monitoring.test_facts import clock, job

RULES, BOARD = "deploy/monitoring/ondol-alerts.yaml", "deploy/monitoring/ondol-dashboard.json"
NAME = re.compile(r"\bondol_\w+")
SELECTOR = re.compile(r"(ondol_\w+)\{([^}]*)\}")
LABEL = re.compile(r"(\w+)\s*(=~|!~|!=|=)")
GROUPING = re.compile(r"\bby \(([^)]*)\)")
FROM_PROMETHEUS = {"le", "job", "instance"}


@pytest.fixture
def exported(db):
    """Return the labels of each sample by its name: what our processes count, and what the database knows."""
    Deployment.current().update(confirmed_at=clock.now(), swept_at=clock.now())
    job("mail")
    known = read_facts()
    families = [*DatabaseFacts(lambda: known).collect(), *BUILD.collect()]
    found = defaultdict(set)
    for family in families:
        for sample in family.samples:
            found[sample.name] |= set(sample.labels)
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            ends = ["_total"] if metric._type == "counter" else ["_bucket", "_sum", "_count"]
            for end in ends:
                found[metric._name + end] |= set(metric._labelnames)
    return found


def expressions(root):
    """Return all that Prometheus is asked, by the place it is asked in."""
    rules = yaml.safe_load((root / RULES).read_text())["groups"]
    asked = {f"alert {rule['alert']}": rule["expr"] for group in rules for rule in group["rules"]}
    for panel in json.loads((root / BOARD).read_text())["panels"]:
        for target in panel.get("targets", []):
            asked[f"panel {panel['title']} {target['refId']}"] = target["expr"]
    return asked


def unknown_in(expression, exported):
    """Return the names and labels of an expression that nothing exports."""
    names = set(NAME.findall(expression))
    labels = {(name, label) for name, text in SELECTOR.findall(expression) for label, _ in LABEL.findall(text)}
    known = {label for name in names for label in exported.get(name, ())} | FROM_PROMETHEUS
    grouped = {label.strip() for labels in GROUPING.findall(expression) for label in labels.split(",")}
    return {
        *(name for name in names if name not in exported),
        *(f"{name}.{label}" for name, label in labels if label not in exported.get(name, ())),
        *(label for label in grouped if label not in known),
    }


def test_every_metric_and_label_that_is_asked_for_is_exported(exported, request):
    asked = expressions(request.config.rootpath)
    assert len(asked) > 30
    unknown = {place: found for place, text in asked.items() if (found := unknown_in(text, exported))}
    assert unknown == {}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("ondol_job", {"ondol_job"}),
        ("rate(ondol_requests[5m])", {"ondol_requests"}),
        ("ondol_click_to_ready_seconds", {"ondol_click_to_ready_seconds"}),
        ('ondol_emails{status="failed"}', {"ondol_emails.status"}),
        ('ondol_jobs_run_total{outcome!="ok", queue="mail"}', {"ondol_jobs_run_total.queue"}),
        ("sum by (code, person) (rate(ondol_requests_total[5m]))", {"person"}),
        ("sum by (le, route) (rate(ondol_request_seconds_bucket[5m]))", set()),
        ('max by (queue) (ondol_job_wait_seconds{queue=~"mail|x"})', set()),
        ("max(ondol_last_observation_age_seconds) > 5", set()),
        ("absent(ondol_build_info)", set()),
    ],
)
def test_a_name_that_is_not_exported_is_found(exported, expression, found):
    assert unknown_in(expression, exported) == found


def test_every_alert_says_what_to_do(request):
    for group in yaml.safe_load((request.config.rootpath / RULES).read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"warning", "critical"}
            assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="Prometheus's own linter is not installed")
def test_prometheus_reads_the_rules_and_what_the_board_asks(request, tmp_path):
    asked = expressions(request.config.rootpath)
    board = [text.replace("$__rate_interval", "5m") for place, text in asked.items() if place.startswith("panel")]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(board)]
    (tmp_path / "board.yaml").write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    words = ["promtool", "check", "rules", str(request.config.rootpath / RULES), str(tmp_path / "board.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
