"""`meshtui edges`: who calls whom, how well, and whether it is secured."""

from meshcore.client import stats
from meshtui.cli import options, output
from meshtui.cli.duration import parse_duration
from meshtui.cli.resources import parse_resources, within
from meshtui.cli.scope import namespace_of, require, run, session_of
from meshtui.columns import edges as columns


def edges(
    words: options.Words = None,
    namespace: options.Namespace = "",
    all_namespaces: options.AllNamespaces = False,
    window: options.TimeWindow = "1m",
    form: options.Output = output.Format.TABLE,
    mesh: options.Mesh = "",
) -> None:
    """Show who calls whom, and how secured."""
    window_ms = parse_duration(window, "--time-window")
    named = parse_resources(words or ["deploy"])

    async def verb() -> None:
        async with session_of(mesh, namespace) as session:
            where = await namespace_of(session, namespace, everywhere=all_namespaces)
            targets = within(named, where)
            await require(session, targets)
            records = []
            lack = ""
            for target in targets:
                request = stats.edges_request(target.kind, namespace=where, name=target.name, window_ms=window_ms)
                answer = await stats.edges(session, request)
                lack = answer.note
                if form.tabular and answer.edges:
                    output.table(columns.columns(target.kind), answer.edges, form)
                elif form.tabular:
                    output.note(f"No edges found between {target.kind}s.")
                else:
                    records += [columns.record(edge, answer) for edge in answer.edges]
            if not form.tabular:
                output.dump(records, form)
            output.lack(lack)

    run(verb)
