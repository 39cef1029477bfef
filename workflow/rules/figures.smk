# Figures: each reads tables (and the modes that it draws), selects and plots.
#
# needs   <results>/{ensemble}/observables.parquet, and for Figs. 1, 3, 6 chunks of the modes
# makes   <results>/figures/{fig1..fig9}.{pdf,png}, when asked for double_wells.{pdf,png} (from the files of that stage),
#         and the captions of the report beside them (.rst)


rule fig1:
    """A harmonic mode made of two soft spots and the two quartic modes behind it; one mixed with a phonon and its quartic mode."""
    input:
        observables=gathered(ROLES.pair + ROLES.phonon),
        inherent_state_3d=searched_files("inherent_state"),
        harmonic_3d=searched_files("harmonic"),
        quartic_3d=searched_files("quartic"),
        second_quartic_3d=searched_files("second_quartic"),
        inherent_state_2d=stage_files("inherent_state", ROLES.phonon),
        harmonic_2d=stage_files("harmonic", ROLES.phonon),
        quartic_2d=stage_files("quartic", ROLES.phonon),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig1.pdf",
        png=report(
            "<results>/figures/fig1.png", caption="../report/figure.rst", category="Figures", labels={"figure": "1"}
        ),
        caption="<results>/figures/fig1.rst",
        view=report(
            "<results>/figures/fig1.html",
            caption="../report/view.rst",
            category="Interactive views",
            labels={"figure": "1"},
        ),
    log:
        "<logs>/figures/fig1.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/figures/fig1.py"


rule fig2:
    """chi_4 ~ (N e_4)^-1, whatever the stability of the glass (Appendix C)."""
    input:
        observables=gathered(of_model("poly3d")),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig2.pdf",
        png=report(
            "<results>/figures/fig2.png", caption="../report/figure.rst", category="Figures", labels={"figure": "2"}
        ),
        caption="<results>/figures/fig2.rst",
    log:
        "<logs>/figures/fig2.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/figures/fig2.py"


rule fig3:
    """The softest sample: psi and pi_4 converge as omega_2 -> 0."""
    input:
        observables=gathered(ROLES.softest_3d + ROLES.softest_2d),
        inherent_state_3d=stage_files("inherent_state", ROLES.softest_3d),
        harmonic_3d=stage_files("harmonic", ROLES.softest_3d),
        quartic_3d=stage_files("quartic", ROLES.softest_3d),
        inherent_state_2d=stage_files("inherent_state", ROLES.softest_2d),
        harmonic_2d=stage_files("harmonic", ROLES.softest_2d),
        quartic_2d=stage_files("quartic", ROLES.softest_2d),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig3.pdf",
        png=report(
            "<results>/figures/fig3.png", caption="../report/figure.rst", category="Figures", labels={"figure": "3"}
        ),
        caption="<results>/figures/fig3.rst",
        view=report(
            "<results>/figures/fig3.html",
            caption="../report/view.rst",
            category="Interactive views",
            labels={"figure": "3"},
        ),
    log:
        "<logs>/figures/fig3.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/figures/fig3.py"


rule fig4:
    """N e against omega of harmonic and quartic modes; the first phonon band at 2 pi c_T / L."""
    input:
        observables=gathered(of_model("ipl2d", "ipl3d")),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig4.pdf",
        png=report(
            "<results>/figures/fig4.png", caption="../report/figure.rst", category="Figures", labels={"figure": "4"}
        ),
        caption="<results>/figures/fig4.rst",
    log:
        "<logs>/figures/fig4.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/figures/fig4.py"


rule fig5:
    """(omega_4^2 - omega_2^2)/omega_4^2 = f(L) omega_4^2 (Eq. 15), 1 - |psi.pi_4| = g(L) omega_4^4 (Eq. 16)."""
    input:
        observables=gathered(of_model("ipl2d", "ipl3d")),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig5.pdf",
        png=report(
            "<results>/figures/fig5.png", caption="../report/figure.rst", category="Figures", labels={"figure": "5"}
        ),
        caption="<results>/figures/fig5.rst",
    log:
        "<logs>/figures/fig5.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/figures/fig5.py"


rule fig6:
    """Delta = pi_4 - psi around its pi_4 (Eq. 17)."""
    input:
        observables=gathered(ROLES.softest_3d + ROLES.softest_2d),
        inherent_state_3d=stage_files("inherent_state", ROLES.softest_3d),
        harmonic_3d=stage_files("harmonic", ROLES.softest_3d),
        quartic_3d=stage_files("quartic", ROLES.softest_3d),
        inherent_state_2d=stage_files("inherent_state", ROLES.softest_2d),
        harmonic_2d=stage_files("harmonic", ROLES.softest_2d),
        quartic_2d=stage_files("quartic", ROLES.softest_2d),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig6.pdf",
        png=report(
            "<results>/figures/fig6.png", caption="../report/figure.rst", category="Figures", labels={"figure": "6"}
        ),
        caption="<results>/figures/fig6.rst",
        view=report(
            "<results>/figures/fig6.html",
            caption="../report/view.rst",
            category="Interactive views",
            labels={"figure": "6"},
        ),
    log:
        "<logs>/figures/fig6.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/figures/fig6.py"


rule fig7:
    """Cubic against quartic modes of the same soft spot: stiffness, tau and chi."""
    input:
        observables=gathered(of_model("ipl3d")),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig7.pdf",
        png=report(
            "<results>/figures/fig7.png", caption="../report/figure.rst", category="Figures", labels={"figure": "7"}
        ),
        caption="<results>/figures/fig7.rst",
    log:
        "<logs>/figures/fig7.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/figures/fig7.py"


rule fig8:
    """tau_3^2 ~ kappa_3 chi_3, and the bound tau^2 = 3 kappa chi (Eq. 32)."""
    input:
        observables=gathered(largest("poly3d")),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig8.pdf",
        png=report(
            "<results>/figures/fig8.png", caption="../report/figure.rst", category="Figures", labels={"figure": "8"}
        ),
        caption="<results>/figures/fig8.rst",
    log:
        "<logs>/figures/fig8.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/figures/fig8.py"


rule fig9:
    """|U4:pi4pi4pi4 / chi4|, nu_3, chi_3 and tau_3^2 ~ kappa_3 chi_3 in 2D, 3D, 4D; quartic modes beside them (Appendix E)."""
    input:
        observables=gathered(of_model("ipl2d", "ipl3d", "ipl4d")),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/fig9.pdf",
        png=report(
            "<results>/figures/fig9.png", caption="../report/figure.rst", category="Figures", labels={"figure": "9"}
        ),
        caption="<results>/figures/fig9.rst",
    log:
        "<logs>/figures/fig9.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/figures/fig9.py"


rule double_wells_figure:
    """Barriers and second minima along cubic modes, against the expansion's and kappa_3^3/tau_3^2 (Eqs. 32 and 35)."""
    input:
        observables=gathered(ENSEMBLES),
        double_wells=stage_files("double_wells", ENSEMBLES),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/double_wells.pdf",
        png=report(
            "<results>/figures/double_wells.png",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "Double wells"},
        ),
        caption="<results>/figures/double_wells.rst",
    log:
        "<logs>/figures/double_wells.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/figures/double_wells.py"
