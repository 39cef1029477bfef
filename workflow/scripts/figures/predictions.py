"""The densities behind the paper's predictions: D(omega) ~ omega^4, p(V_B) ~ V_B^(1/4), p(x) ~ x^(2/3)."""

import laws
import numpy as np
import style
from campaign_data import choose, counts, label, read_samples
from entry import run

from nqe_core import statistics

SYMBOLS = {
    "harmonic_frequency": r"$D(\omega_2)$",
    "quartic_frequency": r"$D(\omega_4)$",
    "cubic_frequency": r"$D(\omega_3)$",
    "barrier": r"$p(\kappa_3^3/\tau_3^2)$",
    "strain_threshold": r"$p(x)$",
}
LEAST_SHOWN = 40  # fewer samples in a tail have errors that would hide the others' in panel (f)
GUIDES = {4.0: r"$\omega^4$", 1 / 4: r"$V_B^{1/4}$", 2 / 3: r"$x^{2/3}$"}


def draw(observables, models, pdf, png, caption=None):
    """Draw the five densities and, in panel (f), their fitted exponents relative to the predicted ones."""
    samples = read_samples(observables, models)
    fine = choose(samples, "the figure of predictions")
    series = list(laws.largest_ensembles(fine))
    made, axes = style.figure(style.DOUBLE, 4.5, 2, 3)
    looks = dict(zip([name for name, _ in series], style.looks(len(series)), strict=True))
    fits, stable = {}, {}
    many = [(name, part) for name, part in series if len(part) >= laws.LEAST_TAILED]
    for panel, letter, (column, (x_label, predicted)) in zip(
        axes.flat[:5], "abcde", laws.DENSITIES.items(), strict=True
    ):
        fits[column] = {name: laws.density_exponent(part, column) for name, part in series}
        stable[column] = {name: laws.stable_density_exponent(part, column) for name, part in many}
        _draw_density(panel, column, series, looks, predicted)
        panel.set_xlabel(x_label)
        panel.set_ylabel(SYMBOLS[column])
        style.panel_letter(panel, letter)
    _draw_exponents(axes.flat[5], fits, stable, series, looks)
    style.panel_letter(axes.flat[5], "f")
    handles, _ = axes.flat[0].get_legend_handles_labels()
    if handles:
        made.legend(handles=handles, loc="outside lower center", ncols=3)
    style.save(made, pdf, png)
    used = fine[fine["ensemble"].isin(looks)]
    title = "Predictions. Densities of the lowest modes and their exponents."
    style.write_caption(caption or png, title, *_text(fits, stable), counts(samples, used))


def _draw_density(panel, column, series, looks, predicted) -> None:
    xs, ys = [], []
    for name, part in series:
        values = part[column].to_numpy()
        values = values[np.isfinite(values) & (values > 0)]
        bins = int(np.clip(np.sqrt(len(values)), 4, 18))
        # the largest few are phonons or nearly uncoupled modes: they say nothing about the limit and stretch the axis
        kept = values[values <= np.quantile(values, 0.98)] if len(values) else values
        centres, density, low, high = statistics.logarithmic_density(kept, bins)
        colour, marker = looks[name]
        panel.errorbar(centres, density, [density - low, high - density], color=colour, marker=marker, ms=3, ls="",
                       elinewidth=0.7, label=label(part, mathematical=True))  # fmt: skip
        xs.append(centres)
        ys.append(density)
    x, y = np.concatenate(xs), np.concatenate(ys)
    if len(x) == 0:
        style.note(panel, "too few samples")
        return
    style.logarithmic(panel)
    style.fit_axes(panel, [x], [y], margin=0.1)
    _guide(panel, predicted)


def _guide(panel, predicted) -> None:
    """Guide in the panel's free corner: upper left of a steep rise, lower left of a density that falls off."""
    (left, right), (bottom, top) = np.log(panel.get_xlim()), np.log(panel.get_ylim())
    steepness = predicted * (right - left) / (top - bottom)  # in fractions of the panel
    width = min(0.25, 0.45 / steepness)
    start = 0.1, 0.90 - steepness * width if predicted > 1 else 0.12
    x, y = np.exp(left + start[0] * (right - left)), np.exp(bottom + start[1] * (top - bottom))
    end = np.exp(left + (start[0] + width) * (right - left))
    style.guide(panel, (x, end), (x, y), predicted, GUIDES[predicted],
                shift=(-20, 2) if predicted > 1 else (5, -8))  # fmt: skip


def _draw_exponents(panel, fits, stable, series, looks) -> None:
    """Fitted over predicted Weibull shape (1 + exponent) of every density and ensemble."""
    offsets = np.linspace(-0.3, 0.3, len(series)) if len(series) > 1 else [0.0]
    for place, (column, (_, predicted)) in enumerate(laws.DENSITIES.items()):
        for offset, (name, _) in zip(offsets, series, strict=True):
            colour, marker = looks[name]
            for fit, face, below in ((fits[column][name], colour, 0.0), (stable[column].get(name), "white", 0.06)):
                if fit is not None and fit.known and fit.count >= LEAST_SHOWN:
                    value, low, high = ((1 + number) / (1 + predicted) for number in (fit.value, fit.low, fit.high))
                    error = [[value - low], [high - value]]
                    panel.errorbar(value, place + offset + below, xerr=error, color=colour, marker=marker, ms=3, mfc=face,
                                   elinewidth=0.8)  # fmt: skip
    panel.axvline(1, color=style.BLACK, lw=0.8, ls="--", zorder=0)
    if not any(fit.known and fit.count >= LEAST_SHOWN for column in fits.values() for fit in column.values()):
        style.note(panel, "too few samples")
    panel.set_yticks(range(len(SYMBOLS)), [SYMBOLS[column] for column in laws.DENSITIES])
    panel.set_ylim(len(SYMBOLS) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)
    low, high = panel.get_xlim()
    panel.set_xlim(max(low, 0.0), min(high, 2.5))
    panel.set_xlabel(r"$(1+\beta)/(1+\beta_{\rm predicted})$")


def _text(fits, stable):
    names = {"harmonic_frequency": "D(omega_2)", "quartic_frequency": "D(omega_4)", "cubic_frequency": "D(omega_3)",
             "barrier": "p(kappa^3/tau^2)", "strain_threshold": "p(x)"}  # fmt: skip
    yield (
        "One lowest mode a sample: densities of its (a) harmonic, (b) quartic and (c) cubic frequency, of (d) the "
        "barrier kappa^3/tau^2 (Eq. 35) and (e) the strain threshold x of the cubic mode (Eq. 37), with 68 % Poisson "
        "intervals; dashed: predicted exponents; the highest 2 % of each are left out. (f) Fitted exponents beta "
        f"(Weibull's law of the lowest of many, maximum likelihood, the lowest {100 * laws.TAIL_SHARE:.0f} % of an "
        f"ensemble, or {laws.TAIL_SAMPLES} samples if that is more, but at most half, and frequencies below "
        f"{laws.BELOW_PHONONS} of the first phonon's), with 95 % bootstrap intervals; open: of the samples whose cubic "
        f"mode respects the bound of Eq. 32, where an ensemble has {laws.LEAST_TAILED:.0f} samples or more. Fits to "
        f"fewer than {LEAST_SHOWN} samples are in the text only."
    )
    for column, (_, predicted) in laws.DENSITIES.items():
        values = "; ".join(f"{name} {laws.exponent_text(fit)} (n = {fit.count})" for name, fit in fits[column].items())
        below = "; ".join(f"{name} {laws.exponent_text(fit)} (n = {fit.count})" for name, fit in stable[column].items())
        yield f"{names[column]}, predicted {predicted:.3g}: {values}." + (
            f" Below the bound: {below}." if below else ""
        )


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
