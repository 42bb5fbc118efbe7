"""Folding: a large graph as few items, each standing for many nodes, and what was folded in words.

Every way to fold gives items whose arrows form no cycle, takes time linear in the graph, and only
says which nodes belong together; what is written on them is the business of :mod:`viz.views`.
"""

from __future__ import annotations

import fnmatch
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autodiff.graph import GateCall, Graph, Value, collection_paused, entries, is_constant
from viz.diagram import outer, stem
from viz.typography import counted

_FEW_LEAVES = 4
"""So many leaves of one purpose are still drawn one by one."""
_MOST_CLUSTERS = 30
_FEW_NODES = 100
"""So many are rather drawn one by one than by their depth alone."""
_BANDS = 8
"""Stretches of the depth, as the last resort; so many fit side by side."""


@dataclass
class Item:
    """Nodes that are drawn as one.

    Attributes:
        nodes: in topological order.
        results: those of them that are used outside, or are outputs of the graph.
        title: of a folded scope, a stack or a layer; empty for a single node.
        scope: where it stands.
        copies: how many identical parts it is made of.
    """

    nodes: list[Value] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    title: str = ""
    scope: str = ""
    copies: int = 1

    @property
    def is_single(self) -> bool:
        """Whether it is one node of the graph."""
        return len(self.nodes) == 1


@dataclass
class Folding:
    """A graph as items.

    Attributes:
        items: operands before the items that use them.
        arrows: pairs of positions in ``items``, the operand first.
        explanation: what was folded, in words; empty if nothing was.
        is_simplest: whether it is the last resort.
    """

    items: list[Item]
    arrows: list[tuple[int, int]]
    explanation: str = ""
    is_simplest: bool = False


def ways_to_fit(graph: Graph, limit: int) -> Iterator[Folding]:
    """Every way to draw a graph with at most ``limit`` items, from the most detailed on.

    Everything; else identical scopes as stacks; else all scopes folded, the deepest first; else a
    picture of its layers. The last resort is everything, if that is little, and else a picture of
    its depth alone.
    """
    folder = _Folder(graph)
    if len(graph.nodes) <= limit:
        yield folder.unfolded()
    if (folding := folder.identical()).explanation and len(folding.items) <= limit:
        yield folding
    for depth in range(folder.deepest_scope, 0, -1):
        if (folding := folder.by_scope(depth)) and len(folding.items) <= limit:
            yield folding
    if len((folding := folder.by_layer()).items) <= limit:
        yield folding
    last = folder.unfolded() if len(graph.nodes) <= min(limit, _FEW_NODES) else folder.by_depth()
    yield replace(last, is_simplest=True)


def unfolded(graph: Graph) -> Folding:
    """Every node an item."""
    return _Folder(graph).unfolded()


def fold_as_asked(graph: Graph, fold: str | Sequence[str]) -> Folding:
    """The scopes that match patterns folded, or ``"scopes"``, ``"identical"`` or ``"layers"``.

    Raises:
        ValueError: if no scope of the graph matches a pattern.
    """
    folder = _Folder(graph)
    if fold == "layers":
        folding = folder.by_layer()
        if len(folding.items) == len(graph.nodes):
            nothing = "nothing to fold, since no operation is repeated at the same depth"
            folding.explanation = f"{counted(len(graph.nodes), 'node')}, {nothing}"
        return folding
    if fold == "scopes":
        return folder.by_scope(1)
    if fold == "identical":
        return folder.identical()
    patterns = strings("fold: expected names of scopes", fold)
    return folder.by_pattern(patterns)


def scope_of(graph: Graph, node: Value) -> str:
    """Return the scope of a node; a gate stands outside of what it hides."""
    group = graph.group(node)
    return outer(group.path) if isinstance(group, GateCall) else node.scope


class _Folder:
    """The structure of a graph as numbers of its nodes, to be grouped in several ways."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.nodes = graph, graph.nodes
        index = {node: i for i, node in enumerate(self.nodes)}
        with collection_paused():
            self.operands = [
                [index[operand] for operand in graph.operands(node)] if node.parents else ()
                for node in self.nodes
            ]
        self.outputs = [index[output] for output in graph.outputs]
        self.scopes = [node.scope for node in self.nodes]
        if graph.has_groups:
            self.scopes = [scope_of(graph, node) for node in self.nodes]
        distinct = set(self.scopes)
        self.deepest_scope = max((scope.count("/") + 1 for scope in distinct if scope), default=0)

    # ------------------------------------------------------------------------------- ways to fold

    def unfolded(self) -> Folding:
        return self._folding(list(range(len(self.nodes))), lambda i: ("", self.scopes[i], 1), "")

    def by_scope(self, depth: int) -> Folding:
        """Scopes from this depth on folded; identical ones side by side become a stack."""
        cut = {
            scope: _prefix(scope, depth) if scope.count("/") + 1 >= depth else ""
            for scope in set(self.scopes)
        }
        keys = [cut[scope] for scope in self.scopes]
        return self._fold_scopes(keys, stack=True)

    def by_pattern(self, patterns: Sequence[str]) -> Folding:
        """Scopes that match a shell pattern folded, each one for itself."""
        found: dict[str, str] = {"": ""}
        for scope in set(self.scopes) - {""}:
            parts = scope.split("/")
            prefixes = ["/".join(parts[: i + 1]) for i in range(len(parts))]
            found[scope] = next(
                (p for p in prefixes if any(_matches(p, pattern) for pattern in patterns)), ""
            )
        for pattern in patterns:
            if not any(_matches(prefix, pattern) for prefix in found.values() if prefix):
                known = sorted({prefix for scope in found for prefix in _prefixes(scope)})
                shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
                has = f"its scopes are {shown}" if known else "it has no scopes"
                raise ValueError(
                    f"fold: no scope of this graph matches {pattern!r}; {has} (others to fold: "
                    "'scopes', 'identical', 'layers')"
                )
        return self._fold_scopes([found[scope] for scope in self.scopes], stack=False)

    def identical(self) -> Folding:
        """Scopes with identical siblings folded into stacks, everything else as it is."""
        inside: dict[str, Counter[str]] = defaultdict(Counter)
        for scope, node in zip(self.scopes, self.nodes, strict=True):
            for prefix in _prefixes(scope):
                inside[prefix][_operation(node)] += 1
        alike = Counter(_kind_of_scope(scope, found) for scope, found in inside.items())
        repeated = {s for s, found in inside.items() if alike[_kind_of_scope(s, found)] > 1}
        cut = {
            scope: next((prefix for prefix in _prefixes(scope) if prefix in repeated), "")
            for scope in set(self.scopes)
        }
        return self._fold_scopes([cut[scope] for scope in self.scopes], stack=True)

    def by_layer(self) -> Folding:
        """The same operation at the same depth is one item, and a chain of sums one operation."""
        shown = self._scopes_to_frame()
        sums = self._sums()
        level, symbol = self._levels(sums), self.graph.symbol
        keys: list[Hashable] = [
            (shown[self.scopes[i]], "Σ" if sums[i] != i else symbol(node), level[sums[i]])
            if node.op is not None and node.parents
            else None
            for i, node in enumerate(self.nodes)
        ]
        for i, root in enumerate(sums):
            if root != i:
                keys[root] = keys[i] = (shown[self.scopes[root]], "Σ", level[root])
        counts = Counter(key for i, key in enumerate(keys) if sums[i] == i)
        ids = self._with_leaves(keys)

        def describe(i: int) -> tuple[str, str, int]:
            key = keys[i]
            if isinstance(key, tuple):
                return str(key[1]), key[0], counts[key]
            return "", shown[self.scopes[i]], 1

        return self._folding(ids, describe, self._explain("the same operation at the same depth"))

    def by_depth(self) -> Folding:
        """Stretches of the depth, whatever is in them."""
        level = self._levels(list(range(len(self.nodes))))
        height = max(level, default=0) + 1
        keys: list[Hashable] = [
            ("depth", (level[i] - 1) * _BANDS // height) if node.parents else None
            for i, node in enumerate(self.nodes)
        ]
        spans: dict[Hashable, list[int]] = defaultdict(list)
        for i, key in enumerate(keys):
            if key is not None:
                spans[key].append(level[i])
        titles = {
            key: f"depth {min(found):,} to {max(found):,}"
            if len(set(found)) > 1
            else f"depth {found[0]:,}"
            for key, found in spans.items()
        }
        ids = self._with_leaves(keys, few=1)
        return self._folding(
            ids,
            lambda i: (titles[keys[i]], "", 1) if keys[i] is not None else ("", "", 1),
            self._explain(f"stretches of its depth of {height - 1:,}"),
        )

    # ------------------------------------------------------------------------------ the scopes

    def _fold_scopes(self, keys: Sequence[str], *, stack: bool) -> Folding:
        base: list[Hashable] = [
            None if is_constant(node) else key if key else i if node.parents else None
            for i, (key, node) in enumerate(zip(keys, self.nodes, strict=True))
        ]
        base = self._without_cycles(base)
        stacks = self._stacks(base, keys) if stack else {}
        merged: list[Hashable] = [stacks.get(key, key) for key in base]
        ids = self._with_leaves(merged)
        copies = Counter(stacks.values())

        def describe(i: int) -> tuple[str, str, int]:
            if not keys[i] or merged[i] is None:
                return "", self.scopes[i], 1
            count = copies.get(merged[i], 1)
            return (
                (stem(keys[i]) if count > 1 else keys[i]).rpartition("/")[2],
                outer(keys[i]),
                count,
            )

        folded = {key for key in keys if key}
        what = counted(len(folded), "scope")
        if stacks:
            what += ", identical ones drawn as a stack"
        return self._folding(ids, describe, self._explain(what) if folded else "")

    def _stacks(self, base: Sequence[Hashable], keys: Sequence[str]) -> dict[Hashable, Hashable]:
        """Folded scopes that are alike and side by side: the key of the stack for each key."""
        level = self._item_levels(base)
        inside: dict[Hashable, Counter[str]] = defaultdict(Counter)
        scope: dict[Hashable, str] = {}
        for key, name, node in zip(base, keys, self.nodes, strict=True):
            if name and key is not None:
                inside[key][_operation(node)] += 1
                scope[key] = name
        alike: dict[Hashable, list[Hashable]] = defaultdict(list)
        for key, operations in inside.items():
            alike[_kind_of_scope(scope[key], operations), level[key]].append(key)
        return {
            key: stack for stack, members in alike.items() if len(members) > 1 for key in members
        }

    def _scopes_to_frame(self) -> dict[str, str]:
        """Each scope as far down as frames around the parts can still be told apart."""
        distinct = set(self.scopes)
        for depth in range(self.deepest_scope, 0, -1):
            shown = {scope: _prefix(scope, depth) for scope in distinct}
            if len(set(shown.values())) <= _MOST_CLUSTERS:
                return shown
        return dict.fromkeys(distinct, "")

    # ------------------------------------------------------------------------- the structure

    def _with_leaves(self, keys: Sequence[Hashable], few: int = _FEW_LEAVES) -> list[Hashable]:
        """Keys for leaves and constants too: leaves of one purpose are together, unless few.

        A constant goes with what it is used in, if that is folded.
        """
        sizes = Counter(key for key in keys if key is not None)
        users: dict[int, dict[Hashable, None]] = {}
        for i, operands in enumerate(self.operands):
            for j in operands:
                if keys[j] is None:
                    users.setdefault(j, {})[keys[i]] = None
        result = list(keys)
        alike: dict[Hashable, list[int]] = defaultdict(list)
        for i, node in enumerate(self.nodes):
            if keys[i] is not None:
                continue
            used_in = tuple(users.get(i, ()))
            if node.op is not None and len(used_in) == 1 and sizes[used_in[0]] > 1:
                result[i] = used_in[0]
            else:
                result[i] = i
                if node.op is None:
                    alike[frozenset(used_in), bool(node.scope)].append(i)
        for members in alike.values():
            if len(members) > few:
                for i in members:
                    result[i] = members[0]
        return result

    def _sums(self) -> list[int]:
        """For each node the last sum of the chain of sums that it is part of, else itself."""
        uses = Counter(j for operands in self.operands for j in operands)
        uses.update(self.outputs)
        root = list(range(len(self.nodes)))
        for i in reversed(range(len(self.nodes))):
            if self._adds(i):
                for j in self.operands[i]:
                    if uses[j] == 1 and self._adds(j):
                        root[j] = root[i]
        return root

    def _adds(self, i: int) -> bool:
        operation = self.nodes[i].op
        return (
            operation is not None
            and operation.name == "add"
            and not self.graph.group(self.nodes[i])
        )

    def _levels(self, keys: Sequence[Hashable]) -> list[int]:
        """The longest path from a leaf, counting steps from one key to another."""
        level = [0] * len(self.nodes)
        for i, operands in enumerate(self.operands):
            key, highest = keys[i], 0
            for j in operands:
                above = level[j] + (keys[j] != key)
                if above > highest:
                    highest = above
            level[i] = highest
        return level

    def _item_levels(self, keys: Sequence[Hashable]) -> dict[Hashable, int]:
        """The longest path from a leaf to an item, over items without cycles."""
        before = self._predecessors(keys)
        level: dict[Hashable, int] = {}
        for key in _peeled(before):
            level[key] = max((level[earlier] + 1 for earlier in before[key]), default=0)
        return level

    def _predecessors(self, keys: Sequence[Hashable]) -> dict[Hashable, set[Hashable]]:
        before: dict[Hashable, set[Hashable]] = {key: set() for key in keys if key is not None}
        for i, operands in enumerate(self.operands):
            key = keys[i]
            if key is not None:
                found = before[key]
                for j in operands:
                    if keys[j] is not None and keys[j] != key:
                        found.add(keys[j])
        return before

    def _without_cycles(self, keys: list[Hashable]) -> list[Hashable]:
        """Scopes that a path leaves and enters again are cut into the times they were entered.

        Where that is not known, they are cut at the places where a path leaves them.
        """
        entangled = self._entangled(keys)
        if not entangled:
            return keys
        cut = [self._entry(i, str(key)) if key in entangled else key for i, key in enumerate(keys)]
        entangled = self._entangled(cut)
        if not entangled:
            return cut
        level = self._levels(cut)
        return [(key, level[i]) if key in entangled else key for i, key in enumerate(cut)]

    def _entangled(self, keys: list[Hashable]) -> set[Hashable]:
        """The items on cycles, and those between cycles."""
        before = self._predecessors(keys)
        after: dict[Hashable, set[Hashable]] = {key: set() for key in before}
        for key, earlier in before.items():
            for other in earlier:
                after[other].add(key)
        return set(before) - set(_peeled(before)) - set(_peeled(after))

    def _entry(self, i: int, scope: str) -> Hashable:
        """When the scope was entered that a node was made in; a leaf goes where it is used."""
        node = self.nodes[i]
        if not node.parents:
            return None
        inner = scope + "/"
        around = (e for e in entries(node.scope) if e.path == scope or e.path.startswith(inner))
        return scope, next(around, None)

    # --------------------------------------------------------------------------------- items

    def _folding(
        self,
        keys: Sequence[Hashable],
        describe: Callable[[int], tuple[str, str, int]],
        explanation: str,
    ) -> Folding:
        """Items of the nodes with equal keys, in topological order."""
        members: dict[Hashable, list[int]] = {}
        for i, key in enumerate(keys):
            members.setdefault(key, []).append(i)
        arrows: dict[tuple[Hashable, Hashable], None] = {}
        results: dict[Hashable, dict[int, None]] = defaultdict(dict)
        for i, operands in enumerate(self.operands):
            for j in operands:
                if keys[j] != keys[i]:
                    arrows[keys[j], keys[i]] = None
                    results[keys[j]][j] = None
        for i in self.outputs:
            results[keys[i]][i] = None
        before: dict[Hashable, dict[Hashable, None]] = {key: {} for key in members}
        for tail, head in arrows:
            before[head][tail] = None
        order = {key: position for position, key in enumerate(_peeled(before))}
        items = []
        for key in order:
            nodes = [self.nodes[i] for i in members[key]]
            title, scope, copies = describe(members[key][-1])
            has_title = copies > 1 or (len(nodes) > 1 and any(node.parents for node in nodes))
            found = [self.nodes[i] for i in sorted(results[key])]
            items.append(Item(nodes, found, title if has_title else "", scope, copies))
        return Folding(items, [(order[a], order[b]) for a, b in arrows], explanation)

    def _explain(self, what: str) -> str:
        return f"{len(self.nodes):,} nodes, folded: {what}"


def _operation(node: Value) -> str:
    return node.op.name if node.op else "leaf"


def _kind_of_scope(scope: str, operations: Counter[str]) -> Hashable:
    """Equal for siblings with the same name but for its number, and the same operations inside."""
    return outer(scope), stem(scope), frozenset(operations.items())


def _peeled(before: Mapping[Hashable, Collection[Hashable]]) -> list[Hashable]:
    """Keys in topological order; those on cycles, and what needs them, are missing (Kahn 1962)."""
    waiting = {key: len(earlier) for key, earlier in before.items()}
    after: dict[Hashable, list[Hashable]] = defaultdict(list)
    for key, earlier in before.items():
        for other in earlier:
            after[other].append(key)
    ready = [key for key, count in waiting.items() if count == 0]
    for key in ready:
        for later in after[key]:
            waiting[later] -= 1
            if waiting[later] == 0:
                ready.append(later)
    return ready


def _prefix(scope: str, depth: int) -> str:
    return "/".join(scope.split("/")[:depth])


def _prefixes(scope: str) -> list[str]:
    parts = scope.split("/") if scope else []
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]


def strings(expected: str, given: Any) -> list[str]:
    """One string or several as a list.

    Raises:
        TypeError: that begins with what was ``expected``, if it is anything else.
    """
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list | tuple | set | frozenset):
        found = [None]
    if not all(isinstance(each, str) for each in found):
        raise TypeError(f"{expected}, got {given!r:.60}")
    return list(found)


def _matches(scope: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(scope, pattern)
