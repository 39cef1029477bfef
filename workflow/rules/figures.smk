# Figures: each reads tables (and the modes that it draws), selects and plots.
#
# needs   <results>/{ensemble}/observables.parquet, and for Figs. 1, 3, 6 chunks of the modes
# makes   <results>/figures/{fig1..fig9,predictions}.{pdf,png}


rule fig1:
    """A harmonic mode made of two soft spots, the two quartic modes behind it; a harmonic mode mixed with a phonon and its quartic mode."""
    input:
        observables=gathered(PAIR + PHONON),
        inherent_state=stage_files("inherent_state", PAIR + PHONON),
        harmonic=stage_files("harmonic", PAIR + PHONON),
        quartic=stage_files("quartic", PAIR + PHONON),
        second_quartic=second_quartic_files(),
        sheet=SHEET,
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig1.pdf",
        png=report("<results>/figures/fig1.png", caption="../report/fig1.rst", category="Figures"),
    log:
        "<logs>/figures/fig1.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/figures/fig1.py"


rule fig2:
    """chi_4 ~ (N e_4)^-1, whatever the stability of the glass (Appendix C)."""
    input:
        observables=gathered(of_model("poly3d")),
        sheet=SHEET,
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig2.pdf",
        png=report("<results>/figures/fig2.png", caption="../report/fig2.rst", category="Figures"),
    log:
        "<logs>/figures/fig2.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/figures/fig2.py"


rule fig3:
    """The softest sample: psi and pi_4 converge as omega_2 -> 0."""
    input:
        observables=gathered(SOFTEST),
        inherent_state=stage_files("inherent_state", SOFTEST),
        harmonic=stage_files("harmonic", SOFTEST),
        quartic=stage_files("quartic", SOFTEST),
        sheet=SHEET,
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig3.pdf",
        png=report("<results>/figures/fig3.png", caption="../report/fig3.rst", category="Figures"),
    log:
        "<logs>/figures/fig3.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/figures/fig3.py"


rule fig4:
    """N e against omega of harmonic and quartic modes; the first phonon band at 2 pi c_T / L."""
    input:
        observables=gathered(of_model("ipl2d", "ipl3d")),
        sheet=SHEET,
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig4.pdf",
        png=report("<results>/figures/fig4.png", caption="../report/fig4.rst", category="Figures"),
    log:
        "<logs>/figures/fig4.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/figures/fig4.py"


rule fig5:
    """(omega_4^2 - omega_2^2)/omega_4^2 = f(L) omega_4^2 (Eq. 15), 1 - |psi.pi_4| = g(L) omega_4^4 (Eq. 16)."""
    input:
        observables=gathered(of_model("ipl2d", "ipl3d")),
        sheet=SHEET,
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig5.pdf",
        png=report("<results>/figures/fig5.png", caption="../report/fig5.rst", category="Figures"),
    log:
        "<logs>/figures/fig5.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/figures/fig5.py"


rule fig6:
    """Delta = pi_4 - psi around its pi_4 (Eq. 17)."""
    input:
        observables=gathered(SOFTEST),
        inherent_state=stage_files("inherent_state", SOFTEST),
        harmonic=stage_files("harmonic", SOFTEST),
        quartic=stage_files("quartic", SOFTEST),
        sheet=SHEET,
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig6.pdf",
        png=report("<results>/figures/fig6.png", caption="../report/fig6.rst", category="Figures"),
    log:
        "<logs>/figures/fig6.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/figures/fig6.py"


rule fig7:
    """Cubic against quartic modes of the same soft spot: stiffness, tau and chi."""
    input:
        observables=gathered(of_model("ipl3d")),
        sheet=SHEET,
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig7.pdf",
        png=report("<results>/figures/fig7.png", caption="../report/fig7.rst", category="Figures"),
    log:
        "<logs>/figures/fig7.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/figures/fig7.py"


rule fig8:
    """tau_3^2 ~ kappa_3 chi_3, and the bound tau^2 = 3 kappa chi (Eq. 32)."""
    input:
        observables=gathered(largest_at_each_temperature("poly3d")),
        sheet=SHEET,
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig8.pdf",
        png=report("<results>/figures/fig8.png", caption="../report/fig8.rst", category="Figures"),
    log:
        "<logs>/figures/fig8.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/figures/fig8.py"


rule fig9:
    """|U4:pi4pi4pi4 / chi4|, nu_3, chi_3, tau_3^2 ~ kappa_3 chi_3 in 2D, 3D, 4D; the same for quartic modes (Appendix E)."""
    input:
        observables=gathered(of_model("ipl2d", "ipl3d", "ipl4d")),
        sheet=SHEET,
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig9.pdf",
        png=report("<results>/figures/fig9.png", caption="../report/fig9.rst", category="Figures"),
    log:
        "<logs>/figures/fig9.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/figures/fig9.py"
