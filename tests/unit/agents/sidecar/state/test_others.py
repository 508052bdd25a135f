"""The other processes of a sidecar: their figures are added up, and none of them makes a total fall."""

from agents.sidecar.state.others import Figures, Load, Others


def figures(cpu_us, rss_bytes=0, **loads):
    made = Figures()
    made.cpu_us, made.rss_bytes = cpu_us, rss_bytes
    made.loads = {"voting": loads}
    return made


def test_alone_nothing_is_added():
    others = Others()
    assert (others.cpu_us, others.sum("rss_bytes")) == (0, 0)
    assert others.load("voting", "a", Load(0.5, 3)) == Load(0.5, 3)


def test_figures_are_summed_and_cpu_time_stays_when_a_process_ends():
    others = Others()
    one, two = figures(100, 5), figures(20, 6)
    others.all += [one, two]
    assert (others.cpu_us, others.sum("rss_bytes")) == (120, 11)
    others.remove(one)
    assert (others.cpu_us, others.sum("rss_bytes")) == (120, 6)


def test_an_endpoints_latency_is_the_mean_of_those_that_know_it():
    others = Others()
    others.all += [figures(0, a=Load(0.3, 1)), figures(0, a=Load(0.0, 2)), figures(0)]
    assert others.load("voting", "a", Load(0.1, 4)) == Load(0.2, 7)
    assert others.load("voting", "b", Load(0.0, 0)) == Load(0.0, 0)
