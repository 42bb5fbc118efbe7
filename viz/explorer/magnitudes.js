// Hue and dashes for the sign of a gradient, width for its size, as soon as it is known.

const THIN = 0.8;
const WIDER = 4.2;

function weigh() {
  const isKnown = (at) => !failure && at <= state.step;
  const flows = graph.wires.map((wire, i) => {
    if (!hasSlope(i) || isConstant(nodeOf(parts.get(wire.tail)))) return undefined;
    return wire.edge ? flowOf(wire) : Number(gradientLabel(wire));
  });
  for (const [wire, shown] of standIns) flows[shown] += flows[wire] ?? 0; // it stands for all
  const totals = new Map([...trunkElements.keys()].filter((id) => !parts.get(id).several)
    .map((id) => [id, gradientAtNode(nodeOf(parts.get(id)))]));
  const sizes = [...flows, ...totals.values()].map(Math.abs).filter(Number.isFinite);
  const largest = Math.max(...sizes) || 1;
  const draw = (g, gradient, isReached) => {
    const isSeen = isReached && gradient !== undefined;
    g.classList.toggle("weighed", isSeen);
    g.classList.toggle("plus", isSeen && gradient > 0);
    g.classList.toggle("minus", isSeen && gradient < 0);
    if (!isSeen) return;
    const share = Number.isFinite(gradient) ? Math.abs(gradient) / largest : 1;
    g.style.setProperty("--width", (THIN + WIDER * share).toFixed(2));
  };
  flows.forEach((flow, i) => draw(wireElements[i], flow, isKnown(gradientAt.get(i))));
  for (const [id, total] of totals) draw(trunkElements.get(id), total, isKnown(completeAt.get(id)));
}

if (recorded) picture.addEventListener("changed", weigh);
