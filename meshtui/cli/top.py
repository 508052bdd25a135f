"""`meshtui top`: the busiest paths or routes of a window; live on a terminal, one answer in a pipe."""

import sys

import anyio

from meshcore.client import tap as client
from meshcore.wire.tap_pb2 import TopResponse
from meshtui.cli import match, options, output
from meshtui.cli.aim import Far, aim
from meshtui.cli.duration import parse_duration
from meshtui.cli.resources import parse_resources
from meshtui.cli.scope import heading, run, session_of
from meshtui.columns import top as columns

PIPED_S = 10.0  # how long a pipe without --duration is watched


def top(
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
    max_rps: match.MaxRps = 1000.0,  # to count, more has to be seen than to read
    routes: bool = options.ROUTES,
    hide_sources: bool = options.HIDE_SOURCES,
    window: options.TimeWindow = "1m",
    duration: options.Duration = "",
    limit: int = options.LIMIT,
    form: options.Output = output.Format.TABLE,
    mesh: options.Mesh = "",
) -> None:
    """Count live requests by path or route."""
    window_ms = parse_duration(window, "--time-window")
    live = sys.stdout.isatty() and form.tabular
    seconds = parse_duration(duration, "--duration") / 1000 if duration else (None if live else PIPED_S)
    shape = columns.columns(routes=routes, sources=not hide_sources)
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
            if not live:
                output.note(f"Counting requests for {seconds:g} s (--duration says how long) …")
            answer = TopResponse()
            stream = client.top(
                session,
                targets,
                match=wanted,
                max_rps=max_rps,
                window_ms=window_ms,
                by_route=routes,
                hide_sources=hide_sources,
                limit=limit,
            )
            with anyio.move_on_after(seconds):
                async for answer in stream:
                    if live:
                        print("\x1b[H\x1b[J", end="")
                        output.table(shape, answer.rows, form)
            output.lack(answer.note)
            if live:
                return
            if not form.tabular:
                output.dump([columns.record(row) for row in answer.rows], form)
            elif answer.rows:
                output.table(shape, answer.rows, form)
            else:
                output.note(f"No requests seen for {heading(targets)}; TCP that is not HTTP shows in `meshtui stat`.")

    run(verb)
