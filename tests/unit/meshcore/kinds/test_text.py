"""Files: each fault has its line, and what is not ours is counted and left alone."""

from hypothesis import given
from hypothesis import strategies as st

from meshcore.kinds.text import check
from tests.support.kinds import GOOD

RATE = """\
# a limit
apiVersion: mesh.meshtui.dev/v1alpha1
kind: RateLimit
metadata:
  name: web
spec:
  targetRef:
    kind: Namespace
  total:
    requestsPerSecond: {}
"""


def told(text: str) -> list[str]:
    return [str(each) for each in check(text, "a.yaml").faults]


def test_good_files_have_no_faults() -> None:
    report = check(GOOD + "---\napiVersion: v1\nkind: Pod\n---\n# nothing\n", "a.yaml")
    assert (report.checked, report.others, report.faults) == (6, 1, ())


def test_a_fault_is_told_with_the_line_of_its_field() -> None:
    assert told(RATE.format(0)) == ["a.yaml:10: spec.total.requestsPerSecond: 0 is out of range; write 1 to 1000000"]
    line = GOOD.count("\n") + 1 + 10
    (fault,) = told(GOOD.replace("name: web}", "name: other}") + "---\n" + RATE.format("x"))
    assert fault.startswith(f"a.yaml:{line}: spec.total.requestsPerSecond: must be a whole number")


def test_a_fault_of_what_is_missing_is_told_with_the_line_of_what_it_is_missing_from() -> None:
    (fault,) = told(RATE.format(1).replace("    kind: Namespace", "    port: 80"))
    assert fault == "a.yaml:7: spec.targetRef.kind: is missing; give it"


def test_a_list_is_taken_apart() -> None:
    items = "".join(f"  {line}\n" for line in RATE.format(0).splitlines()).replace("  # a limit", "-")
    (fault,) = told("kind: List\napiVersion: v1\nitems:\n" + items)
    assert fault.startswith("a.yaml:13: items[0].spec.total.requestsPerSecond: 0 is out of range")


def test_keys_and_objects_that_are_there_twice() -> None:
    assert told(RATE.format(1) + "    requestsPerSecond: 2\n") == [
        "a.yaml:11: spec.total.requestsPerSecond: is given twice, first in line 10; keep one"
    ]
    (fault,) = told(RATE.format(1) + "---\n" + RATE.format(2))
    assert fault == "a.yaml:16: metadata.name: RateLimit web is in line 2 already; remove one"


def test_what_is_no_yaml_is_told_and_what_came_before_it_is_checked() -> None:
    first, second = told(RATE.format(0) + "---\na: [\n")
    assert "out of range" in first
    assert second.startswith("a.yaml:1")
    assert "is not YAML" in second
    assert "is not YAML" in told("[" * 5_000)[0]
    assert "split it" in told("x" * (9 << 20))[0]


def test_aliases_of_aliases_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "too many values" in told("\n".join(lines))[0]


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for each in check(RATE.format(text), "a.yaml").faults:
        assert str(each).startswith("a.yaml")
