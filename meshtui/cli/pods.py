"""`meshtui pods`: the instances of the mesh with identity, certificate, proxy and uplink."""

from meshcore.client import inventory
from meshtui.cli import options, output
from meshtui.cli.resources import parse_resources, within
from meshtui.cli.scope import namespace_of, require, run, session_of
from meshtui.columns import pods as columns


def pods(
    words: options.Words = None,
    namespace: options.Namespace = "",
    all_namespaces: options.AllNamespaces = False,
    form: options.Output = output.Format.TABLE,
    mesh: options.Mesh = "",
) -> None:
    """Show instances, identities and proxies."""
    named = parse_resources(words or ["po"])

    async def verb() -> None:
        async with session_of(mesh, namespace) as session:
            where = await namespace_of(session, namespace, everywhere=all_namespaces)
            targets = within(named, where)
            await require(session, targets)
            answer = await inventory.pods(session, targets)
            if form.tabular:
                output.table(columns.columns(namespaced=not where), answer.pods, form)
            else:
                output.dump([columns.record(pod) for pod in answer.pods], form)
            output.lack(answer.note)

    run(verb)
