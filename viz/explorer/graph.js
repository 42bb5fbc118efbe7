// The graph by itself: what is known when, what leads where, and sums over paths.

const LISTS = ["rules", "wires", "values", "totals", "complete"]; // of a step; empty ones are not sent
const graph = JSON.parse(document.getElementById("data").textContent);
for (const step of graph.steps) for (const list of LISTS) step[list] ??= [];
const lastStep = graph.steps.length - 1;
const parts = new Map(graph.parts.map((part) => [part.id, part]));
const clusters = new Map(graph.clusters.map((cluster) => [cluster.id, cluster]));
const wiresInto = wiresBy("head");
const wiresOutOf = wiresBy("tail");

function wiresBy(end) {
  const found = new Map(graph.parts.map((part) => [part.id, []]));
  graph.wires.forEach((wire, i) => found.get(wire[end]).push(i));
  return found;
}

// The step from which on something is known: the value of a part, its whole gradient, and the
// gradient along a wire; and for each part all that its gradient came to, with the steps.
const valueAt = new Map();
const gradientAt = new Map();
const completeAt = new Map();
const totalsOf = new Map(graph.parts.map((part) => [part.id, []]));

/** The totals anew, after the numbers have changed. */
function collectTotals() {
  for (const found of totalsOf.values()) found.length = 0;
  graph.steps.forEach((step, i) => {
    for (const [part, total] of step.totals) totalsOf.get(part).push([i, total]);
  });
}

collectTotals();
graph.steps.forEach((step, i) => {
  for (const part of step.values) valueAt.set(part, i);
  for (const part of step.complete) completeAt.set(part, i);
  if (step.phase !== "forward") for (const wire of step.wires) gradientAt.set(wire, i);
});
for (const { id, shows } of graph.parts) if (shows) valueAt.set(id, valueAt.get(shows));

const isKnown = (id, now) => valueAt.get(id) <= now;

function gradientOf(id, now) {
  const [, total = ""] = totalsOf.get(parts.get(id).shows ?? id).findLast(([at]) => at <= now) ?? [];
  return typeof total === "number" ? shown(total) : total;
}

/** Everything that a part was computed from ("tail"), or that is computed from it ("head"). */
function reach(start, end) {
  const wiresAt = end === "tail" ? wiresInto : wiresOutOf;
  const found = { parts: new Set([start]), wires: new Set() };
  for (const part of found.parts) { // a Set may grow while it is walked
    for (const wire of wiresAt.get(part)) {
      found.wires.add(wire);
      found.parts.add(graph.wires[wire][end]);
    }
  }
  return found;
}

/** A scope and those around it, from the inside out. */
function scopesFrom(scope) {
  const found = [];
  for (; scope; scope = clusters.get(scope).parent) found.push(scope);
  return found;
}

// ------------------------------------------------------------------------------------- the paths

const headOf = (wire) => graph.wires[wire].head;
const hasSlope = (wire) => graph.wires[wire].number !== undefined; // not if it carries many values
const slopeOf = (wire) => Number(graph.wires[wire].number);

// An output of a folded box with several results is used further where the box is.
const sourceOf = (id) => parts.get(id).shows ?? id;

/** Two parts, the one that the other is computed from first. */
function inOrder(one, other) {
  const [first, second] = [one, other].map((id) => nodeOf(parts.get(id)));
  if (recorded && first !== undefined && second !== undefined && first !== second) {
    return first < second ? [one, other] : [other, one]; // operands have lower numbers
  }
  if (graph.sums?.[other]?.[one] !== undefined) return [other, one];
  return reach(sourceOf(one), "head").parts.has(other) ? [one, other] : [other, one];
}

/** How many paths there are and the sum of their products, without listing them. */
function pathsBetween(one, other) {
  const [start, end] = inOrder(one, other);
  const source = sourceOf(start);
  const after = reach(source, "head").parts;
  const counts = new Map([[end, 1n]]);
  const sums = new Map([[end, 1]]);
  const wires = new Set();
  for (const { id } of graph.parts.toReversed()) { // operands stand before what uses them
    const leaving = wiresOutOf.get(id).filter((wire) => counts.has(headOf(wire)));
    if (id === end || !leaving.length || !after.has(id)) continue;
    counts.set(id, leaving.reduce((sum, wire) => sum + counts.get(headOf(wire)), 0n));
    sums.set(id, leaving.reduce((sum, wire) => sum + slopeOf(wire) * sums.get(headOf(wire)), 0));
    for (const wire of leaving) wires.add(wire);
  }
  const found = new Set([start, ...counts.keys()]);
  const isBox = ({ id, several }) => several && found.has(id) && id !== start && id !== end;
  const isWritten = [...wires].every(hasSlope) && (source === start || !wires.size);
  return {
    start, source, end, counts, wires, isWritten, parts: found,
    boxes: graph.parts.filter(isBox).map((part) => part.id),
    count: counts.get(source) ?? 0n, sum: sums.get(source) ?? 0,
    sumInside: isWritten ? undefined : sumInside(start, end),
  };
}

/** The sum over the paths of the whole graph, also through what is folded; undefined if unknown. */
function sumInside(start, end) {
  if (!recorded) return graph.sums ? graph.sums[start]?.[end] ?? "0" : undefined;
  const [tail, head] = [start, end].map((id) => nodeOf(parts.get(id)));
  const isOne = tail !== undefined && head !== undefined && numbers && !failure;
  return isOne ? shown(sumOverPaths(tail, head)) : undefined;
}

/** The paths one after another, each as a list of wires. */
function* listed({ source, end, counts }) {
  const open = [[source, []]];
  while (open.length) {
    const [part, taken] = open.pop();
    if (part === end) yield taken;
    else {
      for (const wire of wiresOutOf.get(part).toReversed()) {
        if (counts.has(headOf(wire))) open.push([headOf(wire), [...taken, wire]]);
      }
    }
  }
}
