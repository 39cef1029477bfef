# Observables: one row per sample, in raw simulation units.
#
# needs   <results>/{ensemble}/{liquid,inherent_state,harmonic,quartic,cubic}/{chunk}.h5
# makes   <results>/{ensemble}/observables/{chunk}.parquet
#         <results>/{ensemble}/observables.parquet (of the reference: from reference/{batch}/{ensemble}.parquet)


rule observables:
    """omega^2, tau, chi, e, nu of every mode, their overlaps, and G = (d2U/dgamma2 - Xi.M^+.Xi)/V."""
    input:
        liquid=liquid_if_made,
        inherent_state="<results>/{ensemble}/inherent_state/{chunk}.h5",
        harmonic="<results>/{ensemble}/harmonic/{chunk}.h5",
        quartic="<results>/{ensemble}/quartic/{chunk}.h5",
        cubic="<results>/{ensemble}/cubic/{chunk}.h5",
    output:
        "<results>/{ensemble}/observables/{chunk}.parquet",
    log:
        "<logs>/observables/{ensemble}/{chunk}.log",
    resources:
        tasks=1,
        runtime=MINUTES["observables"],
        mem_mb_per_cpu=MEGABYTES["observables"],
        max_failed=MAX_FAILED,
    params:
        launcher=launcher,
    shell:
        "{params.launcher} nqe observables {input} --ranks {resources.tasks}"
        " --max-failed-fraction {resources.max_failed} --output {output} 2> {log}"


rule gather:
    """The union of an ensemble's chunks, samples 0 .. n_samples-1, or of its batches in the reference."""
    input:
        chunks_of_ensemble,
    output:
        "<results>/{ensemble}/observables.parquet",
    log:
        "<logs>/gather/{ensemble}.log",
    params:
        command=gather_command,
    shell:
        "nqe {params.command} {input} --output {output} 2> {log}"
