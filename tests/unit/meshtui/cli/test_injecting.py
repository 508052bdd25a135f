"""Manifests rewritten: only what an act changes differs, and text that is no YAML is told by its line."""

import pytest

from meshtui.cli.injecting import Target, UnreadableError, rewrite, spaces

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


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"])
def test_every_kind_with_a_template_is_found(kind: str) -> None:
    group = "v1" if kind == "ReplicationController" else "apps/v1"
    _, reports = rewrite(PAIR.replace("Deployment", kind).replace("apps/v1", group), _mark)
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


JOB = """apiVersion: batch/v1
kind: Job
metadata:
  name: once
spec:
  template:
    spec:
      containers:
      - name: a
        image: a:1
"""


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{JOB}",
        f"# first\n\n# of all\n---\n# why\n{JOB}...\n# last\n",
        f"%YAML 1.1\n# c\n--- # why\n{JOB}...\n%YAML 1.2\n---\n{JOB}",
        f"---\n---\n# nothing\n---\n{JOB}---\n\n",
        f"{JOB}...\n{JOB}",
        JOB.removesuffix("\n"),
        f"{JOB}      tolerations: [{{key: a}}]\n",
        f"{JOB}---\n{JOB}".replace("\n", "\r\n"),
    ],
)
def test_what_is_around_a_document_and_how_its_lines_end_stay(text: str) -> None:
    ending = "\r\n" if "\r\n" in text else "\n"
    new, reports = rewrite(text, _mark)
    assert {report.outcome for report in reports} == {"marked"}
    added = f"{ending}      nodeName: n1"
    assert new.count(added) == len(reports)
    assert new.replace(added, "") == text


def test_a_directive_of_no_document_is_told_by_its_line() -> None:
    with pytest.raises(UnreadableError, match="no line of --- between") as caught:
        rewrite(f"{JOB}...\n%YAML 1.2\n{JOB}", _mark)
    assert caught.value.line == 13


def test_a_text_that_is_no_yaml_in_one_document_hides_no_namespace_of_another() -> None:
    space = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  annotations: {mesh.meshtui.dev/a: b}\n"
    assert spaces([f"a: [\n---\n{space}...\n{JOB}"]) == ({""}, {"shop": {"mesh.meshtui.dev/a": "b"}})


@pytest.mark.parametrize(
    ("broken", "line"),
    [('  x: "\x01"\r\n', 13), (f"  x: {'[' * 3000}\r\n", 2), (f"  x: {'[' * 3000}{']' * 3000}\r\n", 2)],
)
def test_what_cannot_be_read_at_all_is_told_in_a_line(broken: str, line: int) -> None:
    text = f"# c\n{JOB}".replace("\n", "\r\n") + f"\r\n{broken}"
    with pytest.raises(UnreadableError) as caught:
        rewrite(text, _mark)
    assert caught.value.line == line
    assert "\n" not in str(caught.value)
