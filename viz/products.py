"""Products: the dot products of a graph as gates that can be opened, with the products inside."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack

from autodiff.graph import Graph, Value, dot, fsum, gate, scope, weights_inputs_bias


def dot_products_as_gates(
    graph: Graph, symbols: Collection[str]
) -> tuple[Graph, dict[Value, Value]]:
    """The same graph, in which dot products are gates of products and their sum.

    Args:
        graph: it is left as it is.
        symbols: of the dot products that become gates; all if there is none.

    Returns:
        The graph, with the numbers of the other, and for each node the one in its place. A node
        that depends on no such product is its own.
    """
    twins: dict[Value, Value] = {}
    for node in graph.open().nodes:
        operands = [twins[parent] for parent in node.parents]
        if node.op is dot and (not symbols or graph.symbol(node) in symbols):
            twins[node] = _gate(graph.symbol(node), operands, node)
        elif all(twin is parent for twin, parent in zip(operands, node.parents, strict=True)):
            twins[node] = node
        else:
            assert node.op is not None
            twin: Value = node.op(*operands)
            twins[node] = _like(node, twin)
    new = Graph(*(twins[output] for output in graph.outputs))
    new.forward({leaf: graph.value(leaf) for leaf in new.leaves})
    return new, twins


def _gate(symbol: str, operands: Sequence[Value], node: Value) -> Value:
    @gate(symbol)
    def products(operands: Sequence[Value]) -> Value:
        weights, inputs, bias = weights_inputs_bias(operands)
        terms = [*(w * x for w, x in zip(weights, inputs, strict=True)), *bias]
        total: Value = fsum(*terms)
        return total

    with ExitStack() as around:
        for name in node.scope.split("/") if node.scope else ():
            around.enter_context(scope(name))
        result = products(operands)
    result.name = node.name
    return result


def _like(node: Value, twin: Value) -> Value:
    twin.name, twin.scope = node.name, node.scope
    return twin
