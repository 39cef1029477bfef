"""Double wells along cubic modes: whether the glass has the barrier and the second minimum, how high and how deep."""

import numpy as np
import pandas as pd
import style
from campaign_data import as_list, choose, counts, model_name, read_models, read_samples, temperature_note
from entry import run

from nqe_core import statistics, storage
from nqe_core.double_wells import QuarticExpansion
from nqe_core.errors import InputError
from nqe_core.units import Units

ONE_WELL, BOUND = 8 / 9, 1.0  # of r = tau^2 / (3 kappa chi): a second well of the expansion, and a lower one (Eq. 32)
CLASSES = (0.0, 0.3, 0.6, ONE_WELL, BOUND, 1.5, np.inf)
NAMES = ("<0.3", "0.3–\n0.6", "0.6–\n8/9", "8/9–\n1", "1–\n1.5", ">1.5")
LEAST_SHOWN = 5  # samples of a class of which a share is drawn
COLUMNS = ("sample", "failure", "asymmetry", "barrier_found", "barrier_energy", "minimum_found", "minimum_energy")


def draw(observables, double_wells, models, pdf, png, caption=None):
    """Draw what was found along the cubic modes, by model and parent temperature."""
    samples = read_samples(observables, models)
    wells = read_double_wells(double_wells, models)
    chosen = choose(samples, "the figure of double wells").merge(wells, on=["ensemble", "sample"])
    if chosen.empty:
        raise InputError("the figure of double wells needs finished samples: no file of stage double_wells holds any")
    series = [part for _, part in chosen.groupby(["family", "dimension", "parent_temperature"], sort=True)]
    looks = style.looks(len(series))
    made, axes = style.figure(style.DOUBLE, 2.9, 1, 3)
    shares, heights, depths = axes[0]
    for k, (part, (colour, marker)) in enumerate(zip(series, looks, strict=True)):
        _shares(shares, part, colour, marker, (k - (len(series) - 1) / 2) * 0.8 / len(series))
        there = part[part["barrier_found"]]
        style.scatter(heights, there["asymmetry"], there["barrier_energy"] / there["barrier"], colour, marker)
        both = there[there["minimum_found"]]
        for lower in (True, False):
            shown = both[(both["minimum_energy"] < 0) == lower]
            style.scatter(
                depths, shown["barrier_energy"], shown["minimum_energy"].abs(), colour, marker, hollow=not lower
            )
    _finish(shares, heights, depths, chosen)
    for panel, letter in zip(axes[0], "abc", strict=True):
        style.panel_letter(panel, letter)
    made.legend(handles=shares.get_legend_handles_labels()[0], loc="outside lower center", ncols=4)
    style.save(made, pdf, png)
    style.write_caption(
        caption or png,
        "Double wells. What lies along the cubic mode of a glass.",
        "(a) Share of the glasses in which Newton's method finds a barrier (filled, with 95 % Wilson intervals) and a "
        "quench beyond it, or where there is none from the expansion's second minimum or shoulder, a lower minimum "
        f"(open), in classes of r = tau^2/(3 kappa chi) with {LEAST_SHOWN} glasses or "
        "more; dotted lines: the expansion has a second minimum from r = 8/9 on, and a lower one above the bound of "
        "Eq. 32, r = 1. (b) Height of the barriers over kappa^3/tau^2 (Eq. 35); line: of the expansion, which has none "
        "below r = 8/9, and its limit 2/3. (c) Energy of the other minimum, of all particles together, against the "
        "barrier's: lower (filled) and higher (open) ones; dashed: equal sizes.",
        _statements(series),
        counts(samples, chosen),
    )


def read_double_wells(paths, models) -> pd.DataFrame:
    """Rows of the files of stage double_wells that did not fail, with energies in the paper's units."""
    known, tables = read_models(models), [pd.DataFrame(columns=["ensemble", *COLUMNS])]
    for path in as_list(paths):
        with storage.ChunkReader(path, "double_wells") as chunk:
            if (name := chunk.attributes["model"]) not in known:
                raise InputError(f"{path}: holds model {name!r}, which is not in the models' file")
            table = pd.DataFrame({column: chunk.column(column) for column in COLUMNS})
            energies = ["barrier_energy", "minimum_energy"]
            table[energies] /= Units.of(known[name]).energy
            tables.append(table.assign(ensemble=chunk.attributes["ensemble"]))
    table = pd.concat(tables[1:] or tables, ignore_index=True)
    return table[table["failure"] == ""].drop(columns="failure")


def _name(part: pd.DataFrame, mathematical: bool = False) -> str:
    return model_name(part["model"].iloc[0], part["dimension"].iloc[0]) + temperature_note(part, mathematical)


def _classes(part: pd.DataFrame) -> np.ndarray:
    """Number of each sample's class of r."""
    return np.searchsorted(CLASSES, part["asymmetry"], "right") - 1


def _shares(panel, part, colour, marker, offset) -> None:
    classes, lower = _classes(part), part["minimum_energy"] < 0
    for found, face, label in ((part["barrier_found"], colour, _name(part, mathematical=True)), (lower, "white", None)):
        places, shares = [], []
        for number in range(len(NAMES)):
            here = classes == number
            if here.sum() >= LEAST_SHOWN:
                places.append(number + offset + (0.06 if face == "white" else 0.0))
                shares.append(statistics.proportion(found[here], part["block"][here]))
        shown = [share.known for share in shares]
        places, shares = np.array(places)[shown], [share for share in shares if share.known]
        errors = (
            np.array([(s.value - s.low, s.high - s.value) for s in shares]).reshape(-1, 2).T if face == colour else None
        )
        panel.errorbar(places, [100 * share.value for share in shares],
                       100 * np.maximum(errors, 0) if errors is not None else None, color=colour, marker=marker, ms=3.5,
                       mfc=face, mew=0.7, ls="", elinewidth=0.7, label=label, zorder=3 if face == colour else 4)  # fmt: skip


def _finish(shares, heights, depths, chosen) -> None:
    shares.set_xticks(range(len(NAMES)), NAMES, fontsize=6.5)
    shares.tick_params(axis="x", which="both", length=0)
    shares.set_xlim(-0.6, len(NAMES) - 0.4)
    shares.set_ylim(-4, 108)
    shares.set_xlabel(r"$r = \tau_3^2/(3\kappa_3\chi_3)$")
    shares.set_ylabel("barrier, lower minimum (%)")
    for place in (2.5, 3.5):
        shares.axvline(place, color=style.GREY, lw=0.7, ls=":", zorder=0)
    there = chosen[chosen["barrier_found"]]
    for panel in (heights, depths):
        if there.empty:
            style.note(panel, "no barrier found")
    if len(there):
        low, high = there["asymmetry"].min() * 0.8, max(there["asymmetry"].max() * 1.3, 2.0)
        r = np.geomspace(ONE_WELL * (1 + 1e-9), high, 200)
        expected = [QuarticExpansion(1.0, np.sqrt(3 * value), 1.0) for value in r]
        # in units of kappa^3 / tau^2
        curve = [3 * value * along.energy(along.saddle) for value, along in zip(r, expected, strict=True)]
        heights.plot(r, curve, color=style.BLACK, lw=0.9, zorder=4)
        heights.axhline(2 / 3, color=style.GREY, lw=0.7, ls="--", zorder=0)
        style.logarithmic(heights)
        ratio = there["barrier_energy"] / there["barrier"]
        style.fit_axes(heights, [[low, high]], [np.append(ratio, 2 / 3)])
        style.logarithmic(depths)
        both = there[there["minimum_found"]]
        style.fit_axes(depths, [both["barrier_energy"]], [both["minimum_energy"].abs()])
        limits = np.array(depths.get_xlim())
        bottom_top = depths.get_ylim()
        depths.plot(limits, limits, color=style.GREY, lw=0.7, ls="--", zorder=0)
        depths.set_xlim(limits)
        depths.set_ylim(bottom_top)
    heights.set_xlabel(r"$r$")
    heights.set_ylabel(r"$V_B\,\tau_3^2/\kappa_3^3$")
    depths.set_xlabel(r"$V_B$  $(m c_T^2)$")
    depths.set_ylabel(r"$|\Delta U|$  $(m c_T^2)$")


def _statements(series: list[pd.DataFrame]) -> str:
    """Shares in words, of each model."""
    parts = []
    for part in series:
        shares = []
        for text, here in (
            ("below r = 8/9", part["asymmetry"] <= ONE_WELL),
            ("up to r = 1", part["asymmetry"].between(ONE_WELL, BOUND, inclusive="right")),
            ("above", part["asymmetry"] > BOUND),
        ):
            if here.any():
                found, lower = part["barrier_found"][here], (part["minimum_energy"] < 0)[here]
                shares.append(f"{found.sum()} and {lower.sum()} of {here.sum()} {text}")
        parts.append(f"{_name(part)}: {', '.join(shares)}")
    return "Barriers and lower minima found: " + "; ".join(parts) + "."


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
