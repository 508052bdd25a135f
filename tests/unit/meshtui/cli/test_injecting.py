"""Manifests rewritten: only what an act changes differs, and text that is no YAML is told by its line."""

import pytest

from meshtui.cli.injecting import Target, UnreadableError, rewrite

OTHER = "# a service\napiVersion: v1\nkind: Service\nmetadata: {name:   web}\n"
PAIR = f"""{OTHER}---
# the workload
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web  # its name
spec:
  template:
    spec:
      containers:
      - image: "web:1"
        name: web
"""


def _mark(target: Target) -> tuple[bool, str]:
    target.pod["spec"]["nodeName"] = "n1"
    return True, "marked"


def test_comments_order_and_quotes_stay_and_other_documents_are_untouched() -> None:
    text, reports = rewrite(PAIR, _mark)
    assert text == PAIR + "      nodeName: n1\n"
    assert [str(report) for report in reports] == ["deployment/web: marked"]


def test_what_is_not_changed_comes_back_byte_for_byte() -> None:
    text, _ = rewrite(PAIR, lambda _: (False, "skipped"))
    assert text == PAIR


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "ReplicaSet"])
def test_every_kind_with_a_template_is_found(kind: str) -> None:
    _, reports = rewrite(PAIR.replace("Deployment", kind), _mark)
    assert [report.kind for report in reports] == [kind]


def test_the_pod_of_a_cron_job_and_those_of_a_list_are_found() -> None:
    text = """apiVersion: v1
kind: List
items:
- apiVersion: batch/v1
  kind: CronJob
  metadata: {name: nightly}
  spec: {jobTemplate: {spec: {template: {spec: {containers: []}}}}}
- apiVersion: v1
  kind: Pod
  metadata: {name: one}
  spec: {containers: []}
"""
    new, reports = rewrite(text, _mark)
    assert [(report.kind, report.name) for report in reports] == [("CronJob", "nightly"), ("Pod", "one")]
    assert new.count("nodeName: n1") == 2


def test_text_that_is_no_yaml_is_told_by_its_line_in_the_file() -> None:
    with pytest.raises(UnreadableError) as caught:
        rewrite(f"{OTHER}---\nkind: [a\nb: c\n", _mark)
    assert caught.value.line in (6, 7)
