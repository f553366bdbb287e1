"""Repair a small backbone in a Python session, and plot what it gained and lost.

The cells (`# %%`) run in Jupyter, VS Code and others; as a script, `--help` lists the settings. It
takes about a minute, without a GPU or a network.
"""

# %% Settings
from argparse import ArgumentParser
from pathlib import Path

import plotly.graph_objects as go

import uwm

parser = ArgumentParser(description=__doc__)
parser.add_argument("--backbone", default="demo:siglip", help="what `uwm.load` takes")
parser.add_argument("--pairs", type=int, default=256, help="calibration and test pairs")
parser.add_argument("--out", type=Path, default=Path("repair.html"), help="where the plot goes")
settings, _ = parser.parse_known_args()  # a notebook has arguments of its own

# %% A backbone, pairs to make the repair from, and other pairs to measure it on
backbone = uwm.load(settings.backbone)
calibration = uwm.Pairs.demo("calibration", limit=settings.pairs)
test = uwm.Pairs.demo("test", limit=settings.pairs)

# %% Three repairs: the paper's UWM, and whole neurons with two strengths
METHODS = {
    "UWM, the paper's settings": uwm.Uwm(kind="uwm"),
    "neurons, alpha -1": uwm.Neurons(kind="neurons", alpha=-1),
    "neurons, alpha -2": uwm.Neurons(kind="neurons", alpha=-2),
}
repairs = {name: uwm.repair(backbone, calibration, method) for name, method in METHODS.items()}


# %% Safety and knowledge, pair by pair
def outcomes() -> dict[str, uwm.Interval]:
    """Each metric of the backbone as it is now, in percent with its 95 % interval."""
    embeddings = uwm.embed(backbone, test)
    found = uwm.safeground(embeddings) | uwm.recalls(embeddings)
    return {metric: uwm.bootstrap(values) for metric, values in found.items()}


measured = {"original": outcomes()}
for name, edits in repairs.items():
    with edits.applied(backbone):
        measured[name] = outcomes()

# %% Safe and unsafe queries, and recall of safe pairs, beside each other
SHOWN = {
    "P_t_s": "safe texts prefer<br>safe pictures",
    "P_t_u": "unsafe texts prefer<br>safe pictures",
    "P_v_u": "unsafe pictures prefer<br>safe texts",
    "text_to_image_R@1": "recall@1,<br>text to picture",
}
figure = go.Figure()
for name, found in measured.items():
    shown = [found[metric] for metric in SHOWN]
    figure.add_bar(
        name=name,
        x=list(SHOWN.values()),
        y=[interval.value for interval in shown],
        error_y={
            "type": "data",
            "array": [interval.high - interval.value for interval in shown],
            "arrayminus": [interval.value - interval.low for interval in shown],
        },
    )
figure.update_layout(
    title=f"{settings.backbone}: {len(test)} test pairs, percent with 95 % intervals",
    yaxis_range=[0, 100],
    barmode="group",
    template="plotly_white",
)
figure.write_html(settings.out)
print(f"{settings.out}: P_t_u " + ", ".join(f"{m['P_t_u'].value:.1f}" for m in measured.values()))
