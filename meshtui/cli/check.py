"""`meshtui check`: is everything as it has to be? Categories with √ ‼ ×, a hint per failure, exit status 1 on ×."""

import asyncio
from typing import Annotated, Any

import typer

from meshcore.client import control
from meshcore.client.failure import ClientError
from meshcore.client.place import PlaceError
from meshcore.wire.control_pb2 import CheckCategory, CheckItem, CheckResult
from meshtui.cli import machine, options, output
from meshtui.cli.fault import Fault
from meshtui.cli.scope import run, session_of
from meshtui.cli.where import home_of
from meshtui.model.cell import Cell, Level

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


def check(
    named: Annotated[
        list[str] | None, typer.Argument(metavar="FILE…", help="Check these files instead: folders too, - is stdin.")
    ] = None,
    form: options.Output = output.Format.TABLE,
    mesh: options.Mesh = "",
) -> None:
    """Check this machine and its mesh, or files before they are applied."""
    if named:
        from meshtui.cli.files import check_files

        check_files(named, form)
        return
    found = machine.categories()
    found += _mesh(mesh)
    failed = any(item.result == CheckResult.CHECK_ERROR for category in found for item in category.checks)
    if form.tabular:
        _show(found, failed=failed)
    else:
        output.dump(record(found, failed=failed), form)
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


def _mesh(mesh: str) -> list[CheckCategory]:
    """Return the control plane's checks; none where no mesh runs and none was asked for."""
    try:
        asyncio.run(home_of(mesh))
    except PlaceError as error:
        if not mesh and "no mesh" in str(error):
            return []
        return [CheckCategory(name="control-plane", checks=[machine.bad("the mesh is found", str(error), error.hint)])]
    except ClientError as error:
        return [CheckCategory(name="kubernetes-api", checks=[machine.bad("the mesh is found", str(error), error.hint)])]
    found: list[CheckCategory] = []

    async def verb() -> None:
        async with session_of(mesh) as session:
            hello = session.hello
            what = f"the control plane answers (mesh {hello.mesh}, version {hello.version})"
            found.append(CheckCategory(name="control-plane", checks=[machine.good(what)]))
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
    return CheckCategory(name="control-plane", checks=[machine.bad("the control plane answers", message, hint)])


def _show(categories: list[CheckCategory], *, failed: bool) -> None:
    for category in categories:
        print(category.name)
        print("-" * len(category.name))
        for item in category.checks:
            _print(item)
        print()
    sign = SIGNS[CheckResult.CHECK_ERROR if failed else CheckResult.CHECK_SUCCESS]
    print(f"Status check results are {output.paint(sign)}")
    if not failed and not any(category.name == "control-plane" for category in categories):
        print("\nNo mesh runs yet. Next: `meshtui demo` to see one, or `meshtui up mesh.yaml` for your own processes.")


def _print(item: CheckItem) -> None:
    sign = SIGNS.get(item.result, SIGNS[CheckResult.CHECK_ERROR])
    print(f"{output.paint(sign)} {item.description}")
    if item.error:
        print(f"    {item.error}")
    if item.hint and item.result != CheckResult.CHECK_SUCCESS:
        print(f"    hint: {item.hint}")
