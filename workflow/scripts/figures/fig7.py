"""Fig. 7: cubic modes against the quartic modes of the same soft spots."""

import laws
import numpy as np
import style
from campaign_data import choose, counts, read_samples
from entry import run

from nqe_core import statistics


def draw(observables, models, pdf, png, caption=None):
    """Draw Fig. 7 from the tables of the 3D IPL ensembles (2D when there is none)."""
    samples = read_samples(observables, models)
    chosen = choose(samples, "figure 7", family="IPL", dimensions=(3, 2))
    chosen = chosen[chosen["dimension"] == chosen["dimension"].max()]
    made, axes = style.figure(style.DOUBLE, 2.35, 1, 3)
    mismatch = chosen["quartic_cubic_mismatch"].to_numpy()
    cubic = np.abs(chosen["cubic_cubic_coefficient"] / chosen["quartic_cubic_coefficient"]).to_numpy()
    quartic = (chosen["cubic_quartic_coefficient"] / chosen["quartic_quartic_coefficient"]).to_numpy()
    panels = (
        (chosen["quartic_frequency"].to_numpy(), chosen["cubic_energy_difference"].to_numpy(), r"$\omega_4/\omega_0$",
         r"$(\omega_3^2-\omega_4^2)/\omega_4^2$"),
        (mismatch, cubic, r"$1-|\hat\pi_3\cdot\hat\pi_4|$", r"$|\tau_3/\tau_4|$"),
        (mismatch, quartic, r"$1-|\hat\pi_3\cdot\hat\pi_4|$", r"$\chi_3/\chi_4$"),
    )  # fmt: skip
    left_out = []
    for panel, letter, (x, y, x_label, y_label) in zip(axes[0], "abc", panels, strict=True):
        outside = style.histogram(made, panel, x, y)
        left_out += [f"({letter}) {outside}"] if outside else []
        panel.set_xlabel(x_label)
        panel.set_ylabel(y_label)
        style.panel_letter(panel, letter)
    _running_median(axes[0][0], chosen)
    stiffness = statistics.median(chosen["cubic_energy_difference"], chosen["block"])
    axes[0][0].axhline(0.3, color=style.RED, lw=0.8, ls="--")
    axes[0][0].annotate("30 %", (0, 0.3), xycoords=("axes fraction", "data"), xytext=(3, 2), color=style.RED,
                        textcoords="offset points", fontsize=7)  # fmt: skip
    style.save(made, pdf, png)
    higher = statistics.proportion(chosen["cubic_energy_difference"] > 0, chosen["block"])
    style.write_caption(
        caption or png,
        "Figure 7. Cubic against quartic modes of the same soft spots.",
        "(a) Relative difference of stiffness against the quartic mode's frequency; dashed: the paper's 30 %. (b) "
        "Ratio of the cubic and (c) of the quartic expansion coefficients against the difference of the fields. "
        "Colour: samples in a bin.",
        f"Median of (a): {_percent(stiffness)}; circles: running medians with 95 % bootstrap intervals, in the softer "
        f"half omega_4^({laws.exponent_text(laws.stiffness_exponent(chosen))}); stiffer than the quartic mode in "
        f"{100 * higher.value:.1f} % (95 % interval {100 * higher.low:.1f} to {100 * higher.high:.1f} %).",
        f"Not on the logarithmic axes because zero or negative: {', '.join(left_out)} samples." if left_out else "",
        counts(samples, chosen),
    )


def _running_median(panel, chosen) -> None:
    curve = statistics.running_median(
        chosen["quartic_frequency"], chosen["cubic_energy_difference"], blocks=chosen["block"]
    )
    errors = np.abs(np.stack([curve.median - curve.low, curve.high - curve.median]))
    panel.errorbar(curve.x, curve.median, errors, color=style.RED, marker="o", ms=2.5, mec="white", mew=0.3, lw=0.6,
                   elinewidth=0.7)  # fmt: skip


def _percent(estimate) -> str:
    return f"{100 * estimate.value:.1f} ± {100 * estimate.error:.1f} %" if estimate.known else "too few samples"


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
