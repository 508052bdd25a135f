"""`meshtui stat`: golden metrics of resources over a window."""

from itertools import groupby

from meshcore.client import stats
from meshcore.wire.common_pb2 import Resource
from meshcore.wire.stats_pb2 import StatResponse
from meshtui.cli import options, output
from meshtui.cli.duration import parse_duration
from meshtui.cli.fault import USAGE, Fault
from meshtui.cli.resources import parse_resource, parse_resources, within
from meshtui.cli.scope import heading, namespace_of, require, run, session_of
from meshtui.columns import stat as columns


def stat(
    words: options.Words = None,
    namespace: options.Namespace = "",
    all_namespaces: options.AllNamespaces = False,
    window: options.TimeWindow = "1m",
    to: options.To = "",
    to_namespace: options.ToNamespace = "",
    source: options.From = "",
    source_namespace: options.FromNamespace = "",
    unmeshed: bool = options.UNMESHED,
    form: options.Output = output.Format.TABLE,
    mesh: options.Mesh = "",
) -> None:
    """Show golden metrics: success, rate, latency."""
    window_ms = parse_duration(window, "--time-window")
    if to and source:
        raise Fault("--to and --from exclude each other", "ask twice", status=USAGE)
    named = parse_resources(words or [])

    async def verb() -> None:
        async with session_of(mesh, namespace) as session:
            where = await namespace_of(session, namespace, everywhere=all_namespaces)
            targets = within(named, where)
            meant = parse_resource(to, to_namespace or where, "--to") if to else None
            senders = parse_resource(source, source_namespace or where, "--from") if source else None
            await require(session, [*targets, meant, senders])
            request = stats.stat_request(
                targets,
                window_ms=window_ms,
                to=meant,
                source=senders,
                unmeshed=unmeshed,
            )
            answer = await stats.stat(session, request)
            show(answer, targets, form, where)
            output.lack(answer.note)

    run(verb)


def show(answer: StatResponse, targets: list[Resource], form: output.Format, where: str) -> None:
    """Print a table per kind, or one list of records; `where` is the namespace, "" all of them."""
    if not form.tabular:
        output.dump([columns.record(row, answer) for row in answer.rows], form)
        return
    if not answer.rows:
        place = f"in namespace {where}; -n NAME looks into another, -A into all" if where else "in any namespace"
        output.note(f"No traffic found for {heading(targets)} {place}.")
        return
    order = {target.kind: i for i, target in enumerate(targets)}
    rows = sorted(answer.rows, key=lambda row: order.get(row.resource.kind, len(order)))
    tables = [(kind, list(group)) for kind, group in groupby(rows, key=lambda row: row.resource.kind)]
    for i, (kind, group) in enumerate(tables):
        if i:
            print()
        output.table(columns.columns(kind, namespaced=not where), group, form)
