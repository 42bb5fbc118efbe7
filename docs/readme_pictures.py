"""Draw the pictures of the README: ``make readme-pictures``."""

from __future__ import annotations

from pathlib import Path

import viz
from autodiff.worked_examples import product_of_sum, sigmoid_neuron

FOLDER = Path(__file__).parent / "pictures"


def main() -> None:
    """Every picture in the light and in the dark theme."""
    for name, build, view in (
        ("product", product_of_sum, "both"),
        ("product-backward", product_of_sum, "backward"),
        ("neuron", sigmoid_neuron, "both"),
    ):
        for theme in ("light", "dark"):
            print(viz.draw(build()["f"], view, theme=theme).save(FOLDER / f"{name}-{theme}.svg"))


if __name__ == "__main__":
    main()
