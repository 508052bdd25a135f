"""`meshtui check`: is everything as it has to be? Categories with √ ‼ ×, a hint per failure, exit status 1 on ×.

Where the mesh is decides what is looked at: this machine and its control plane, or (cli/examine) a cluster.
"""

import asyncio
from enum import StrEnum
from typing import Annotated, Any

import typer

from meshcore.client import control
from meshcore.client.failure import ClientError
from meshcore.client.place import PlaceError
from meshcore.wire.control_pb2 import CheckCategory, CheckItem, CheckResult
from meshtui.cli import examine, machine, options, output, where
from meshtui.cli.duration import parse_duration
from meshtui.cli.fault import USAGE, Fault
from meshtui.cli.scope import run, session_of
from meshtui.cli.where import home_of
from meshtui.model import check as model
from meshtui.model.cell import Cell, Level
from meshtui.sources.kubeconfig import Kubeconfig, present

SIGNS = {
    CheckResult.CHECK_SUCCESS: Cell("√", Level.GOOD),
    CheckResult.CHECK_WARNING: Cell("‼", Level.WARN),
    CheckResult.CHECK_ERROR: Cell("×", Level.BAD),
}
WORDS = {
    CheckResult.CHECK_SUCCESS: "success",
    CheckResult.CHECK_WARNING: "warning",
    CheckResult.CHECK_ERROR: "error",
}

HANGS = (
    "`meshtui ps` shows whether it runs and `meshtui logs control-plane` what it says; "
    "ended with `kill -9 PID`, it is started again, and nothing else is disturbed"
)


class Form(StrEnum):
    """What `-o` takes here."""

    TABLE = "table"
    SHORT = "short"  # only what is not good
    JSON = "json"
    YAML = "yaml"


Output = Annotated[Form, typer.Option("--output", "-o", help="How to print; short: only what is not good.")]
Wait = Annotated[
    str,
    typer.Option(
        "--wait", help="How long what may become good by itself has for it; 0: look once.", metavar="DURATION"
    ),
]
Home = Annotated[
    str, typer.Option("--mesh-namespace", help="Namespace of the control plane (default: found out).", metavar="NS")
]
Pre = Annotated[bool, typer.Option("--pre", help="Look whether a mesh can be installed in the cluster.")]
Namespaced = Annotated[bool, typer.Option("--namespaced", help="With --pre: a mesh of one namespace alone.")]
Proxy = Annotated[bool, typer.Option("--proxy", help="Look at the pods with sidecars, too.")]


def check(
    named: Annotated[
        list[str] | None, typer.Argument(metavar="FILE…", help="Check these files instead: folders too, - is stdin.")
    ] = None,
    pre: Pre = False,
    proxy: Proxy = False,
    namespaced: Namespaced = False,
    namespace: options.Namespace = "",
    home: Home = "",
    wait: Wait = "5m",
    form: Output = Form.TABLE,
    mesh: options.Mesh = "",
) -> None:
    """Check this machine and its mesh, a cluster and its mesh, or files before they are applied."""
    if named:
        from meshtui.cli.files import check_files

        check_files(named, output.Format("table" if form is Form.SHORT else form.value))
        return
    if pre and proxy:
        raise Fault("--pre looks before an install, --proxy after it", "leave one of them out", status=USAGE)
    if namespaced and not pre:
        raise Fault("--namespaced goes with --pre", "afterwards it is found out: leave it out", status=USAGE)
    seconds = 0.0 if wait == "0" else parse_duration(wait, "--wait") / 1000
    clustered = pre or proxy or bool(home) or (where.cluster().given and not mesh)
    found = None if clustered else _here(mesh)
    if found is None:
        found = examine.cluster(
            where.cluster(), pre=pre, proxy=proxy, home=home, namespace=namespace, namespaced=namespaced, wait=seconds
        )
    failed = model.failed(found)
    if form in (Form.TABLE, Form.SHORT):
        _show(found, failed=failed, short=form is Form.SHORT)
    else:
        output.dump(record(found, failed=failed), output.Format(form.value))
    if failed:
        raise typer.Exit(1)


def record(categories: list[CheckCategory], *, failed: bool) -> dict[str, Any]:
    """Return the result for JSON, in the form of `linkerd check -o json`."""
    return {
        "success": not failed,
        "categories": [
            {
                "categoryName": category.name,
                "checks": [
                    {
                        "description": item.description,
                        "result": WORDS.get(item.result, "error"),
                        **({"error": item.error} if item.error else {}),
                        **({"hint": item.hint} if item.hint else {}),
                    }
                    for item in category.checks
                ],
            }
            for category in categories
        ],
    }


def _here(mesh: str) -> list[CheckCategory] | None:
    """Return the checks of this machine and of the mesh that runs on it; None: a cluster's is meant."""
    try:
        if isinstance(asyncio.run(home_of(mesh)), Kubeconfig):
            return None
    except PlaceError as error:
        if mesh or "no mesh" not in str(error):
            item = model.bad("the mesh is found", str(error), error.hint)
            return [*machine.categories(), CheckCategory(name="control-plane", checks=[item])]
        if present() and examine.begun(where.cluster()):
            return None
        return machine.categories()
    except ClientError:  # of a cluster that does not answer: its own checks say how
        return None
    return [*machine.categories(), *_mesh(mesh)]


def _mesh(mesh: str) -> list[CheckCategory]:
    """Return the control plane's checks."""
    found: list[CheckCategory] = []

    async def verb() -> None:
        async with session_of(mesh) as session:
            hello = session.hello
            what = f"the control plane answers (mesh {hello.mesh}, version {hello.version})"
            found.append(CheckCategory(name="control-plane", checks=[model.good(what)]))
            found.extend((await control.check(session)).categories)

    try:
        run(verb)
    except ClientError as error:
        found.append(_away(error.message, error.hint))
    except Fault as fault:
        found.append(_away(fault.args[0], fault.hint))
    return found


def _away(message: str, hint: str) -> CheckCategory:
    if "meshtui check" in hint:  # that is what runs here
        hint = HANGS
    return CheckCategory(name="control-plane", checks=[model.bad("the control plane answers", message, hint)])


def _show(categories: list[CheckCategory], *, failed: bool, short: bool) -> None:
    for category in categories:
        items = [item for item in category.checks if not short or item.result != CheckResult.CHECK_SUCCESS]
        if not items:
            continue
        print(category.name)
        print("-" * len(category.name))
        hint = ""
        for item in items:
            _print(item, hinted=item.hint == hint)
            hint = item.hint
        print()
    sign = SIGNS[CheckResult.CHECK_ERROR if failed else CheckResult.CHECK_SUCCESS]
    print(f"Status check results are {output.paint(sign)}")
    if not failed and not any(category.name in ("control-plane", "kubernetes-api") for category in categories):
        print("\nNo mesh runs yet. Next: `meshtui demo` to see one, or `meshtui up mesh.yaml` for your own processes.")


def _print(item: CheckItem, *, hinted: bool) -> None:
    """Print a check; `hinted`: the one before it had the same hint."""
    sign = SIGNS.get(item.result, SIGNS[CheckResult.CHECK_ERROR])
    print(f"{output.paint(sign)} {item.description}")
    if item.error:
        print(f"    {item.error}")
    if item.hint and item.result != CheckResult.CHECK_SUCCESS and not hinted:
        print(f"    hint: {item.hint}")
