"""Summary: a table of a network's layers, their output shapes and parameters."""

from __future__ import annotations

from autodiff.nn.layers import Sequential, known_input_shape
from autodiff.nn.module import Module


def summary(model: Module, input_shape: int | tuple[int, ...] | None = None) -> str:
    """A table with one row for each layer, and the sum of all parameters.

    Args:
        model: a Sequential or any module that knows its ``output_shape``.
        input_shape: of one example; a number stands for a list of so many scalars. It may be left
            out where the first layer knows it.

    Raises:
        ValueError: if a layer does not fit; it names the layer. Or if the first layer does not know
            the shape of an example.

    >>> from autodiff.nn import MLP
    >>> print(summary(MLP(784, [512, 128, 64, 10]), 784))
    layer                    output   parameters
    Linear(784, 512, relu)   512         401,920
    Linear(512, 128, relu)   128          65,664
    Linear(128, 64, relu)    64            8,256
    Linear(64, 10)           10              650
    total                                476,490
    """
    if input_shape is None:
        input_shape = known_input_shape(model)
        if input_shape is None:
            raise ValueError(
                "expected the shape of one example, as in model.summary((784,)): the first layer "
                "does not know it"
            )
    shape = (input_shape,) if isinstance(input_shape, int) else tuple(input_shape)
    model.output_shape(shape)
    rows = [("layer", "output", "parameters")]
    for layer in model.layers if isinstance(model, Sequential) else [model]:
        shape = layer.output_shape(shape)
        output = " × ".join(map(str, shape))
        rows.append((repr(layer), output, f"{len(layer.parameters()):,}"))
    rows.append(("total", "", f"{len(model.parameters()):,}"))
    first, second, third = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(
        f"{layer:<{first}}   {output:<{second}}   {count:>{third}}" for layer, output, count in rows
    )
