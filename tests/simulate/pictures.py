"""Draw the results of the policies as small PNGs for docs/simulation.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.simulate.run import POLITE
from tests.simulate.tally import EDGES, Tally
from tests.simulate.world import DAY, HOUR

NAMES: Final = {
    "ours": "adaptive",
    "miniflux_round_robin": "Miniflux round robin",
    "miniflux_entry_frequency": "Miniflux entry frequency",
    "rss_fetcher": "rss-fetcher",
    POLITE: "fixed, polite, at equal polls",
}
TICKS: Final = {60.0: "1 min", 600.0: "10 min", HOUR: "1 h", 6 * HOUR: "6 h", DAY: "1 d"}


def draw(folder: Path, tallies: Mapping[str, Tally], *, equal: str) -> None:
    """Write ``polls.png`` (delay over polls) and ``delays.png`` (delays, and polls over time) into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(9.0, 3.6), dpi=80, layout="constrained")
    mean, late = figure.subplots(1, 2)
    _curve(mean, tallies, lambda tally: tally.mean, "mean delay")
    _curve(late, tallies, lambda tally: tally.percentile(0.5), "half of all entries seen within")
    _save(figure, folder / "polls.png")
    figure = Figure(figsize=(9.0, 3.6), dpi=80, layout="constrained")
    delays, polls = figure.subplots(1, 2)
    for name in ("ours", equal, POLITE, "miniflux_round_robin", "miniflux_entry_frequency", "rss_fetcher"):
        tally = tallies[name]
        summed = np.cumsum(tally.delays) / max(tally.entries, 1.0)
        delays.plot(EDGES[1:], summed[1:], label=NAMES.get(name, "fixed, at equal polls"), linewidth=1.3)
    delays.set(xscale="log", xlim=(10, 2 * DAY), ylim=(0, 1), xlabel="from publishing to seeing")
    delays.set_ylabel("share of entries")
    delays.set_xticks(list(TICKS), list(TICKS.values()), minor=False)
    delays.legend(fontsize=6.5)
    delays.grid(alpha=0.3)
    by_hour = tallies["ours"].by_hour / HOUR
    polls.plot(np.arange(len(by_hour)) / 24, by_hour, linewidth=0.9)
    polls.set(xlabel="day", ylabel="polls a second", ylim=(0, None))
    polls.grid(alpha=0.3)
    _save(figure, folder / "delays.png")


def _curve(axes: Axes, tallies: Mapping[str, Tally], value: Callable[[Tally], float], about: str) -> None:
    for prefix, label, marker in (("fixed_", "fixed interval", "s-"), ("ours", "adaptive", "o-")):
        points = sorted(
            (tally.polls_a_day, value(tally))
            for name, tally in tallies.items()
            if name.startswith(prefix) and name != POLITE
        )
        axes.plot(
            [x for x, _ in points], [y for _, y in points], marker, label=label, markersize=4, linewidth=1.2
        )
    for name in ("miniflux_round_robin", "miniflux_entry_frequency", "rss_fetcher"):
        axes.plot([tallies[name].polls_a_day], [value(tallies[name])], "^", label=NAMES[name], markersize=5)
    axes.set(xscale="log", yscale="log", xlabel="polls of a feed a day")
    axes.set_ylabel(about)
    axes.set_yticks(list(TICKS), list(TICKS.values()), minor=False)
    axes.legend(fontsize=6.5)
    axes.grid(alpha=0.3)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Software": None})
