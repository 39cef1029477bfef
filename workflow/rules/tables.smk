# Tables and the scorecard: the paper's numbers beside those of this campaign.
#
# needs   <results>/{ensemble}/observables.parquet of every ensemble of the sheet
# makes   <results>/tables/{table1,table2}.{md,csv}, <results>/figures/predictions.{pdf,png},
#         <results>/scorecard.{md,csv,json}


rule table1:
    """Samples made of each ensemble, beside Table I."""
    input:
        observables=gathered(ENSEMBLES),
        sheet=SHEET,
        models=MODEL_FILE,
    output:
        md=report("<results>/tables/table1.md", caption="../report/table1.rst", category="Tables"),
        csv="<results>/tables/table1.csv",
    log:
        "<logs>/tables/table1.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/tables/table1.py"


rule table2:
    """G of glasses from high parent temperature and rho, beside Table II."""
    input:
        observables=gathered(ENSEMBLES),
        models=MODEL_FILE,
    output:
        md=report("<results>/tables/table2.md", caption="../report/table2.rst", category="Tables"),
        csv="<results>/tables/table2.csv",
    log:
        "<logs>/tables/table2.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/tables/table2.py"


rule predictions:
    """D(omega) ~ omega^4, p(kappa^3/tau^2) ~ its power 1/4 (Eq. 36), p(x) ~ x^(2/3) (Eq. 38)."""
    input:
        observables=gathered(ENSEMBLES),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/predictions.pdf",
        png=report("<results>/figures/predictions.png", caption="../report/figure.rst", category="Figures"),
        caption="<results>/figures/predictions.rst",
    log:
        "<logs>/figures/predictions.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/figures/predictions.py"


rule scorecard:
    """Every number and law of the paper, ours with a bootstrap error, and a verdict by a stated rule."""
    input:
        observables=gathered(ENSEMBLES),
        models=MODEL_FILE,
    output:
        md=report("<results>/scorecard.md", caption="../report/scorecard.rst", category="Scorecard"),
        csv="<results>/scorecard.csv",
        json="<results>/scorecard.json",
    log:
        "<logs>/scorecard.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/scorecard.py"
