# Modes of every inherent state: harmonic, quartic, cubic, and the second quartic mode of Fig. 1; double wells when asked for.
#
# needs   <results>/{ensemble}/inherent_state/{chunk}.h5
# makes   <results>/{ensemble}/{harmonic,quartic,second_quartic,cubic,double_wells}/{chunk}.h5


rule harmonic:
    """Lowest normal modes: M.psi = omega_2^2 psi (Eq. 7)."""
    input:
        "<results>/{ensemble}/inherent_state/{chunk}.h5",
    output:
        "<results>/{ensemble}/harmonic/{chunk}.h5",
    log:
        "<logs>/harmonic/{ensemble}/{chunk}.log",
    resources:
        tasks=1,
        runtime=MINUTES["harmonic"],
        mem_mb_per_cpu=MEGABYTES["harmonic"],
        max_failed=MAX_FAILED,
    params:
        n_modes=n_modes,
        method=config["harmonic"]["method"],
        certify=config["harmonic"]["certify"],
        launcher=launcher,
    shell:
        "{params.launcher} nqe harmonic {input} --ranks {resources.tasks}"
        " --n-modes {params.n_modes} --method {params.method} --certify {params.certify}"
        " --max-failed-fraction {resources.max_failed} --output {output} 2> {log}"


rule quartic:
    """Quartic modes, minima of E4: M.pi4 = (kappa/chi) U4:pi4pi4pi4 (Eq. 8), from the lowest harmonic mode."""
    input:
        inherent_state="<results>/{ensemble}/inherent_state/{chunk}.h5",
        harmonic="<results>/{ensemble}/harmonic/{chunk}.h5",
    output:
        "<results>/{ensemble}/quartic/{chunk}.h5",
    log:
        "<logs>/quartic/{ensemble}/{chunk}.log",
    resources:
        tasks=1,
        runtime=MINUTES["quartic"],
        mem_mb_per_cpu=MEGABYTES["quartic"],
        max_failed=MAX_FAILED,
    params:
        method=config["quartic"]["method"],
        tolerance=config["quartic"]["tolerance"],
        launcher=launcher,
    shell:
        "{params.launcher} nqe quartic {input.inherent_state} {input.harmonic} --ranks {resources.tasks}"
        " --method {params.method} --tolerance {params.tolerance}"
        " --max-failed-fraction {resources.max_failed} --output {output} 2> {log}"


rule second_quartic:
    """A second solution of Eq. 8, from what the first quartic mode leaves of the harmonic one, psi - pi4 (Appendix B)."""
    input:
        inherent_state="<results>/{ensemble}/inherent_state/{chunk}.h5",
        harmonic="<results>/{ensemble}/harmonic/{chunk}.h5",
        quartic="<results>/{ensemble}/quartic/{chunk}.h5",
    output:
        "<results>/{ensemble}/second_quartic/{chunk}.h5",
    log:
        "<logs>/second_quartic/{ensemble}/{chunk}.log",
    resources:
        tasks=1,
        runtime=MINUTES["second_quartic"],
        mem_mb_per_cpu=MEGABYTES["second_quartic"],
        max_failed=MAX_FAILED,
    params:
        method=config["quartic"]["method"],
        tolerance=config["quartic"]["tolerance"],
        launcher=launcher,
    shell:
        "{params.launcher} nqe quartic {input.inherent_state} {input.harmonic} --ranks {resources.tasks}"
        " --after {input.quartic} --method {params.method} --tolerance {params.tolerance}"
        " --max-failed-fraction {resources.max_failed} --output {output} 2> {log}"


rule cubic:
    """Cubic modes, minima of E3: M.pi3 = (kappa/tau) U3:pi3pi3 (Eq. 26)."""
    input:
        inherent_state="<results>/{ensemble}/inherent_state/{chunk}.h5",
        quartic="<results>/{ensemble}/quartic/{chunk}.h5",
    output:
        "<results>/{ensemble}/cubic/{chunk}.h5",
    log:
        "<logs>/cubic/{ensemble}/{chunk}.log",
    resources:
        tasks=1,
        runtime=MINUTES["cubic"],
        mem_mb_per_cpu=MEGABYTES["cubic"],
        max_failed=MAX_FAILED,
    params:
        starts=cubic_starts,
        method=config["cubic"]["method"],
        tolerance=config["cubic"]["tolerance"],
        launcher=launcher,
    shell:
        "{params.launcher} nqe cubic {input.inherent_state} {input.quartic} --ranks {resources.tasks}"
        " --starts {params.starts} --method {params.method} --tolerance {params.tolerance}"
        " --max-failed-fraction {resources.max_failed} --output {output} 2> {log}"


rule double_wells:
    """The saddle and the minimum of the glass along its cubic mode, where inequality (32) is broken and where it holds."""
    input:
        inherent_state="<results>/{ensemble}/inherent_state/{chunk}.h5",
        cubic="<results>/{ensemble}/cubic/{chunk}.h5",
    output:
        "<results>/{ensemble}/double_wells/{chunk}.h5",
    log:
        "<logs>/double_wells/{ensemble}/{chunk}.log",
    resources:
        tasks=1,
        runtime=MINUTES["double_wells"],
        mem_mb_per_cpu=MEGABYTES["double_wells"],
        max_failed=MAX_FAILED,
    params:
        launcher=launcher,
    shell:
        "{params.launcher} nqe double-wells {input.inherent_state} {input.cubic} --ranks {resources.tasks}"
        " --max-failed-fraction {resources.max_failed} --output {output} 2> {log}"
