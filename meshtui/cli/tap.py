"""`meshtui tap`: requests as they happen, one line per event, or JSON lines."""

import anyio

from meshcore.client import tap as client
from meshcore.wire.tap_pb2 import ObserveResponse
from meshtui.cli import match, options, output
from meshtui.cli.aim import Far, aim
from meshtui.cli.duration import parse_duration
from meshtui.cli.fault import USAGE, Fault
from meshtui.cli.quiet import explaining
from meshtui.cli.resources import parse_resources
from meshtui.cli.scope import run, session_of
from meshtui.columns import tap as columns


def tap(
    words: options.Words = None,
    namespace: options.Namespace = "",
    all_namespaces: options.AllNamespaces = False,
    to: options.To = "",
    to_namespace: options.ToNamespace = "",
    source: options.From = "",
    source_namespace: options.FromNamespace = "",
    methods: match.Method = None,
    path: match.Path = "",
    authority: match.Authority = "",
    statuses: match.Status = None,
    classification: match.ClassOf = "",
    direction: match.DirectionOf = "",
    min_latency: match.MinLatency = "",
    route: match.Route = "",
    header: match.HeaderOf = "",
    max_rps: match.MaxRps = 100.0,
    duration: options.Duration = "",
    limit: int = options.LIMIT,
    form: options.Output = output.Format.TABLE,
    mesh: options.Mesh = "",
) -> None:
    """Watch live requests as they happen."""
    if form is output.Format.YAML:
        raise Fault("tap prints events as they happen: lines or JSON lines", "use -o table, wide or json", status=USAGE)
    seconds = parse_duration(duration, "--duration") / 1000 if duration else None
    # What makes no sense is said before a mesh is looked for.
    parse_resources(words or [])
    wanted = match.build(
        methods=methods or [],
        path=path,
        authority=authority,
        statuses=statuses or [],
        classification=classification,
        direction=direction,
        min_latency=min_latency,
        route=route,
        header=header,
    )

    async def verb() -> None:
        async with session_of(mesh, namespace) as session:
            targets = await aim(
                session,
                words or [],
                wanted,
                namespace=namespace,
                everywhere=all_namespaces,
                to=Far("--to", to, to_namespace),
                source=Far("--from", source, source_namespace),
            )
            headers = form is output.Format.JSON
            stream = client.observe(session, targets, match=wanted, max_rps=max_rps, headers=headers, limit=limit)
            seen = dropped = 0
            lack = ""
            async with explaining(session, targets, lambda: bool(seen)):
                with anyio.move_on_after(seconds):
                    async for answer in stream:
                        seen += len(answer.events)
                        dropped += answer.dropped
                        _show(answer, form)
                        if answer.note != lack:
                            lack = answer.note
                            output.lack(lack)
            if dropped:
                output.note(
                    f"{dropped} requests not shown: over the rate of --max-rps {max_rps:g}, or the pipe was slow."
                )

    run(verb)


def _show(answer: ObserveResponse, form: output.Format) -> None:
    for event in answer.events:
        if form is output.Format.JSON:
            output.json_line(columns.record(event))
        else:
            print(columns.line(event, wide=form is output.Format.WIDE), flush=True)
