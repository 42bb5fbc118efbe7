"""Plots of training: how it went, what was learned, and where it goes wrong.

- `training_curves`: loss and accuracy by epoch
- `bars`: one number for each class, as what a classifier says
- `image_grid`: images side by side
- `prediction_grid`: images with what the model took them for
- `confusion_matrix`: which class is taken for which
- `attention_map`: how much each part of a sequence takes in from each other one
- `weight_images`: what each unit of a first layer looks for
- `decision_boundary`: the regions of a classifier of points, at one time
- `decision_boundary_animation`: the same while it learns
- `image_film`: images one after another
- `latent_scatter`: two-dimensional codes of labelled examples
- `loss_surface`: a function of two numbers, and the tracks of optimizers on it
- `function_curves`: functions of one number, or how something grows

Each returns a `Plot` (or an `Animation`) that shows itself in a notebook and saves itself, in a
light theme, a dark one or one for print; ``.figure`` is for those who go on with matplotlib. All of
them need matplotlib, from the ``pictures`` extra. Its settings have no influence, and are kept.

>>> from viz import plots
>>> plots.confusion_matrix(labels=[0, 0, 1, 1], predicted=[0, 0, 1, 0])
<Plot: confusion matrix of 2 classes, accuracy 75.0%: 3 of 4>
"""

from viz.plots.attention import attention_map
from viz.plots.bars import bars
from viz.plots.boundary import decision_boundary, decision_boundary_animation
from viz.plots.confusion import confusion_matrix
from viz.plots.curves import HistoryLike, training_curves
from viz.plots.film import image_film
from viz.plots.functions import function_curves
from viz.plots.images import image_grid, prediction_grid, weight_images
from viz.plots.latent import latent_scatter
from viz.plots.plot import Animation, Plot
from viz.plots.surface import loss_surface

__all__ = [
    "Animation",
    "HistoryLike",
    "Plot",
    "attention_map",
    "bars",
    "confusion_matrix",
    "decision_boundary",
    "decision_boundary_animation",
    "function_curves",
    "image_film",
    "image_grid",
    "latent_scatter",
    "loss_surface",
    "prediction_grid",
    "training_curves",
    "weight_images",
]
