// The page of one graph: the forward pass and then the backward pass, step by step.
// Python laid out the picture and wrote every rule; what follows shows and hides, and adds up paths.

const graph = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const picture = document.querySelector("main > svg");
const all = (selector) => [...picture.querySelectorAll(selector)];

const SECONDS_PER_STEP = 1.6;
const LISTED_PATHS = 8;
const LISTED_NODES = 9;
const LEGIBLE = 0.6; // pixels for a unit of the picture

// ---------------------------------------------------------------- the graph and its elements

const parts = new Map(graph.parts.map((part) => [part.id, part]));
const clusters = new Map(graph.clusters.map((cluster) => [cluster.id, cluster]));
const wireElements = all("g.wire"); // in the order of graph.wires
const partElements = new Map(all("[data-node]:not(.trunk)").map((g) => [g.dataset.node, g]));
const trunkElements = new Map(all(".trunk").map((g) => [g.dataset.node, g]));
const wiresInto = groupWires("head");
const wiresOutOf = groupWires("tail");

function groupWires(end) {
  const groups = new Map(graph.parts.map((part) => [part.id, []]));
  graph.wires.forEach((wire, i) => groups.get(wire[end]).push(i));
  return groups;
}

/** Everything that a part was computed from ("tail") or that is computed from it ("head"). */
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

/** Classes on parts and wires, in place of those that were there before. */
function mark(name, found) {
  for (const element of all(`.${name}`)) element.classList.remove(name);
  for (const part of found?.parts ?? []) partElements.get(part).classList.add(name);
  for (const wire of found?.wires ?? []) {
    wireElements[wire].classList.add(name);
    trunkElements.get(graph.wires[wire].tail)?.classList.add(name);
  }
}

function element(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

function drawn(tag, attributes, parent) {
  const made = document.createElementNS(picture.namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

const format = (number) => formatNumber(number === 0 ? 0 : number, graph.number);
const factor = (text) => (text.startsWith("-") ? `(${text})` : text);

// ---------------------------------------------------------------------------- what is known when

const valueAt = new Map(); // the step from which on the value of a part is known
const gradientAt = new Map(); // and the gradient along a wire,
const completeAt = new Map(); // and the whole gradient of a part
const totalsOf = new Map(graph.parts.map((part) => [part.id, []])); // how it came together

graph.steps.forEach((step, i) => {
  for (const part of step.values) valueAt.set(part, i);
  for (const part of step.complete) completeAt.set(part, i);
  for (const [part, total] of step.totals) totalsOf.get(part).push([i, total]);
  if (step.phase !== "forward") for (const wire of step.wires) gradientAt.set(wire, i);
});
for (const part of graph.parts) if (part.shows) valueAt.set(part.id, valueAt.get(part.shows));

const labels = [];
const reveal = (g, kind, at) => {
  for (const text of g.querySelectorAll(`text.${kind}`)) labels.push({ text, at });
};
graph.wires.forEach((wire, i) => {
  reveal(wireElements[i], "value", valueAt.get(wire.tail));
  reveal(wireElements[i], "gradient", gradientAt.get(i));
});
for (const [part, g] of trunkElements) {
  reveal(g, "value", valueAt.get(part));
  reveal(g, "gradient", completeAt.get(part));
}

const isKnown = (part, now = state.step) => valueAt.get(part) <= now;

function gradientNow(part, now = state.step) {
  return totalsOf.get(parts.get(part).shows ?? part).findLast(([at]) => at <= now)?.[1] ?? "";
}

// --------------------------------------------------------------------------------- the steps

const state = { step: 0, timer: 0, folded: new Set(), stops: [], picked: [], matches: [], view: null };
const lastStep = graph.steps.length - 1;

function show(step) {
  state.step = step;
  document.body.dataset.step = step;
  for (const { text, at } of labels) text.classList.toggle("unreached", at > step);
  const run = stepsTogether(step);
  lightUp(run);
  explain(run);
  showLeaves();
  for (const part of graph.parts) labelPart(part);
  updateBar();
  bringIntoView(partElements.get(run.at(-1).part || graph.parts.at(step ? -1 : 0).id));
  describe(state.described);
}

/** The steps that are shown as one: inside of a folded scope they are not told apart. */
function stepsTogether(step) {
  const cover = coverOf(graph.steps[step].part);
  let first = step;
  if (cover) while (coverOf(graph.steps[first - 1].part) === cover) first -= 1;
  return graph.steps.slice(first, step + 1);
}

function lightUp(run) {
  const isBack = run[0].phase === "backward" || run[0].phase === "output";
  const active = { parts: new Set(), wires: new Set() };
  for (const step of run) {
    if (step.part) active.parts.add(step.part);
    for (const wire of step.wires) {
      active.wires.add(wire);
      if (step.phase === "output") active.parts.add(graph.wires[wire].head);
    }
  }
  mark("active", null); // taken away and given again, so that the flow starts anew
  mark("flows", null);
  mark("back", null);
  picture.getBoundingClientRect();
  mark("active", active);
  mark("flows", { wires: active.wires });
  if (isBack) mark("back", { wires: active.wires });
  for (const [id, cover] of covers) cover.classList.toggle("active", id === coverOf(run[0].part));
}

const PHASES = { start: "Leaves", forward: "Forward", output: "Output", backward: "Backward" };
const REASONS = {
  start: "Every gate computes its value as soon as its operands are there.",
  forward: "The gate computes its value from its operands.",
  output: "The backward pass begins at the end: how fast the output changes with itself.",
  backward: "Each operand receives: local derivative × gradient at the gate.",
};

function explain(run) {
  const { phase } = run[0];
  const rules = coverOf(run[0].part) ? [summary(run)] : run[0].rules;
  byId("phase").textContent = PHASES[phase];
  byId("rules").className = rules.length > 3 ? `${phase} many` : phase;
  byId("rules").replaceChildren(...rules.map(ruleElement));
  byId("why").textContent = REASONS[phase];
  byId("spoken").textContent = `${PHASES[phase]}: ${rules.map(ruleText).join("; ")}`;
}

function summary(run) {
  const { title } = clusters.get(coverOf(run[0].part));
  const gates = run.length === 1 ? "1 gate" : `${run.length} gates`;
  return [`${title}: ${run[0].phase === "forward" ? "the values" : "the gradients"} of ${gates}`, "", ""];
}

function ruleElement([names, numbers, total]) {
  const made = element("div", "rule");
  made.append(element("span", numbers ? "names" : "names sentence", unbroken(names)));
  if (numbers) made.append(element("span", "numbers", `= ${numbers}`));
  if (total) made.append(element("span", "total", total));
  return made;
}

/** Lines break before a "·", and not within "x = 2". */
const unbroken = (text) => text.replaceAll(" = ", "\u00a0=\u00a0").replaceAll(" · ", " ·\u00a0");

const ruleText = ([names, numbers, total]) =>
  [numbers ? `${names} = ${numbers}` : names, total].filter(Boolean).join(", ");

function updateBar() {
  const { step } = state;
  const text = `${step} / ${lastStep}`;
  byId("slider").value = step;
  byId("slider").setAttribute("aria-valuetext", `step ${text}, ${byId("spoken").textContent}`);
  byId("counter").textContent = `${PHASES[graph.steps[step].phase]} · ${text}`;
  byId("first").disabled = byId("previous").disabled = step === 0;
  byId("next").disabled = byId("last").disabled = step === lastStep;
}

const nextStop = () => state.stops.find((stop) => stop > state.step) ?? lastStep;
const previousStop = () => state.stops.findLast((stop) => stop < state.step) ?? 0;

/** Where the slider was dragged to; inside of a folded scope, to the end of it. */
function goTo(step) {
  pause();
  show(state.stops.find((stop) => stop >= step) ?? lastStep);
}

const moves = {
  first: () => goTo(0),
  previous: () => goTo(previousStop()),
  next: () => goTo(nextStop()),
  last: () => goTo(lastStep),
};

// -------------------------------------------------------------------------------------- playing

function play() {
  if (state.step === lastStep) show(0);
  setPlaying(true);
  wait();
}

function wait() {
  const milliseconds = (1000 * SECONDS_PER_STEP) / Number(byId("speed").value);
  state.timer = setTimeout(() => {
    show(nextStop());
    if (state.step === lastStep) pause();
    else wait();
  }, milliseconds);
}

function pause() {
  clearTimeout(state.timer);
  state.timer = 0;
  setPlaying(false);
}

function setPlaying(isPlaying) {
  document.body.classList.toggle("playing", isPlaying);
  byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
}

const togglePlaying = () => (state.timer ? pause() : play());

// ------------------------------------------------------------------------ leaves and single nodes

const leafRows = new Map(graph.leaves.map((leaf) => [leaf, leafRow(parts.get(leaf))]));

function leafRow(part) {
  const row = element("tr");
  row.dataset.leaf = part.id;
  row.append(element("td", "", part.name), element("td", "value", part.value), element("td", "gradient"));
  byId("leaves").append(row);
  return row;
}

function showLeaves() {
  const changed = new Set(graph.steps[state.step].totals.map(([part]) => part));
  for (const [leaf, row] of leafRows) {
    row.lastChild.textContent = gradientNow(leaf);
    row.classList.toggle("changed", changed.has(leaf));
  }
}

function labelPart(part) {
  const words = [part.name, part.word];
  if (part.value && isKnown(part.id)) words.push(`value ${part.value}`);
  if (gradientNow(part.id)) words.push(`gradient ${gradientNow(part.id)}`);
  partElements.get(part.id).setAttribute("aria-label", words.filter(Boolean).join(", "));
}

/** A node in the panel: what it is, and what is known of it at this step. */
function describe(id) {
  state.described = id;
  const part = parts.get(id);
  if (!part) {
    byId("node").replaceChildren(element("p", "quiet", "Point at a node to see what it was computed from, and what it flows into. Click two to see the paths between them."));
    return;
  }
  const about = element("dl");
  const add = (term, text, name) => text && about.append(element("dt", "", term), element("dd", name, text));
  add("Value", isKnown(id) ? part.value : "", "value");
  add("Gradient", gradientNow(id), "gradient");
  add("Scope", clusters.get(part.cluster)?.path);
  const legend = element("p", "legend");
  legend.append(element("span", "from", "computed from"), element("span", "to", "flows into"));
  byId("node").replaceChildren(element("h3", "", part.formula ? `${part.name} = ${part.formula}` : part.name), about, legend);
}

function describeWire(wire) {
  if (wire.rule) byId("node").replaceChildren(element("h3", "", `${wire.slope} = ${wire.rule} = ${wire.local}`), element("p", "quiet", "The local derivative along this wire."));
}

/** Light up everything before a node, and everything after it; the rest stands back. */
function trace(id) {
  mark("here", id && { parts: [id] });
  mark("from", id && reach(id, "tail"));
  mark("to", id && reach(id, "head"));
  picture.classList.toggle("tracing", Boolean(id) || state.picked.length === 2);
  describe(id ?? state.picked.at(-1));
}

// ------------------------------------------------------------------------------------- the paths

function pick(id) {
  const node = parts.get(id).shows ?? id;
  if (state.picked.includes(node)) state.picked = state.picked.filter((other) => other !== node);
  else state.picked = state.picked.length === 2 ? [node] : [...state.picked, node];
  showPicked();
  trace(null);
}

function showPicked() {
  mark("picked", { parts: state.picked });
  for (const [id, g] of partElements) g.setAttribute("aria-pressed", state.picked.includes(id));
  const paths = state.picked.length === 2 ? pathsBetween(...state.picked) : null;
  mark("traced", paths);
  byId("paths").hidden = !state.picked.length;
  byId("paths").replaceChildren(...(paths ? pathElements(paths) : [element("p", "quiet", "Click another node to see the paths between the two.")]));
}

/** How many paths there are and the sum of their products, without listing them. */
function pathsBetween(one, other) {
  const [start, end] = reach(one, "head").parts.has(other) ? [one, other] : [other, one];
  const after = reach(start, "head");
  const counts = new Map([[end, 1n]]);
  const sums = new Map([[end, 1]]);
  const found = { start, end, counts, parts: new Set([start, end]), wires: new Set() };
  for (const { id } of graph.parts.toReversed()) { // operands stand before what uses them
    const wires = wiresOutOf.get(id).filter((wire) => counts.has(graph.wires[wire].head));
    if (id === end || !wires.length || !after.parts.has(id)) continue;
    counts.set(id, wires.reduce((sum, wire) => sum + counts.get(graph.wires[wire].head), 0n));
    sums.set(id, wires.reduce((sum, wire) => sum + slopeOf(wire) * sums.get(graph.wires[wire].head), 0));
    for (const wire of wires) found.wires.add(wire);
    found.parts.add(id);
  }
  return { ...found, count: counts.get(start) ?? 0n, sum: sums.get(start) ?? 0 };
}

const slopeOf = (wire) => Number(graph.wires[wire].number ?? NaN);

/** The first paths, each as a list of wires. */
function* listed({ start, end, counts }) {
  const open = [[start, []]];
  while (open.length) {
    const [part, taken] = open.pop();
    if (part === end) {
      yield taken;
      continue;
    }
    for (const wire of wiresOutOf.get(part).toReversed()) {
      if (counts.has(graph.wires[wire].head)) open.push([graph.wires[wire].head, [...taken, wire]]);
    }
  }
}

function pathElements(paths) {
  const [start, end] = [paths.start, paths.end].map((id) => parts.get(id).name);
  const slope = `∂${end}/∂${start}`;
  if (!paths.count) return [element("h3", "", `No path between ${start} and ${end}`), element("p", "sum", `${slope} = 0`)];
  const heading = paths.count === 1n ? `One path from ${start} to ${end}` : `${paths.count.toLocaleString("en")} paths from ${start} to ${end}`;
  const list = element("ol");
  const products = [];
  for (const path of listed(paths)) {
    if (products.length === LISTED_PATHS) break;
    products.push(format(path.reduce((product, wire) => slopeOf(wire) * product, 1)));
    list.append(pathElement(path, start, products.at(-1)));
  }
  const rest = paths.count - BigInt(products.length);
  if (rest) list.append(element("li", "quiet", `and ${rest.toLocaleString("en")} more`));
  const terms = !rest && products.length > 1 ? `${products.map((text, i) => (i ? factor(text) : text)).join(" + ")} = ` : "";
  const sum = Number.isNaN(paths.sum) ? "not known: a path leads through what is folded" : terms + format(paths.sum);
  return [element("h3", "", heading), list, element("p", "sum", `${slope} = ${sum}`)];
}

function pathElement(path, start, product) {
  const item = element("li", "", [start, ...path.map((wire) => parts.get(graph.wires[wire].head).name)].join(" → "));
  const factors = path.length <= LISTED_NODES ? path.map((wire) => factor(graph.wires[wire].local)).join(" · ") : `${path.length} factors`;
  item.append(element("span", "", `${factors || 1} = ${product}`));
  const shown = new Set([...path.map((wire) => graph.wires[wire].head), ...path.map((wire) => graph.wires[wire].tail)]);
  item.addEventListener("pointerenter", () => mark("active", { parts: shown, wires: path }));
  item.addEventListener("pointerleave", () => lightUp(stepsTogether(state.step)));
  return item;
}

// ---------------------------------------------------------------------------------------- search

function search(text) {
  const wanted = text.trim().toLowerCase();
  const isMatch = (part) => [part.name, part.id].some((name) => name.toLowerCase().includes(wanted));
  state.matches = wanted ? graph.parts.filter((part) => !part.shows && isMatch(part)).map((part) => part.id) : [];
  mark("match", { parts: state.matches });
  byId("found").textContent = wanted ? `${state.matches.length || "none"} found` : "";
}

/** To the next match; if it is in a folded scope, that is unfolded. */
function nextMatch() {
  const [match, ...rest] = state.matches;
  if (!match) return;
  state.matches = [...rest, match];
  for (const id of scopesAround(match)) if (state.folded.has(id)) toggleFold(id);
  bringIntoView(partElements.get(match));
  describe(match);
}

// --------------------------------------------------------------------------------------- folding

const covers = new Map();
const foldButtons = new Map();

function scopesAround(id) {
  const found = [];
  for (let scope = parts.get(id)?.cluster; scope; scope = clusters.get(scope).parent) found.push(scope);
  return found; // from the inside out
}

const coverOf = (id) => (state.folded.size ? scopesAround(id).findLast((scope) => state.folded.has(scope)) : undefined);

function toggleFold(id) {
  if (!state.folded.delete(id)) state.folded.add(id);
  foldButtons.get(id).setAttribute("aria-expanded", !state.folded.has(id));
  updateFolding();
}

function updateFolding() {
  const isInside = (id) => coverOf(id) !== undefined;
  const isWireInside = (wire) => isInside(wire.tail) && coverOf(wire.tail) === coverOf(wire.head);
  for (const [id, g] of partElements) g.classList.toggle("inside", isInside(id));
  graph.wires.forEach((wire, i) => wireElements[i].classList.toggle("inside", isWireInside(wire)));
  for (const [id, g] of trunkElements) {
    g.classList.toggle("inside", wiresOutOf.get(id).every((wire) => isWireInside(graph.wires[wire])));
  }
  for (const [id, { parent }] of clusters) {
    const outer = parent && [parent, ...scopesAbove(parent)].some((scope) => state.folded.has(scope));
    covers.get(id)?.classList.toggle("inside", !state.folded.has(id) || Boolean(outer));
    foldButtons.get(id)?.classList.toggle("inside", Boolean(outer));
  }
  const cover = graph.steps.map((step) => coverOf(step.part));
  state.stops = graph.steps.map((_, i) => i).filter((i) => !cover[i] || cover[i] !== cover[i + 1]);
  show(state.stops.find((stop) => stop >= state.step) ?? lastStep);
}

function scopesAbove(id) {
  const found = [];
  for (let scope = clusters.get(id).parent; scope; scope = clusters.get(scope).parent) found.push(scope);
  return found;
}

/** A frame's title becomes a button; a cover over the frame waits until the scope is folded. */
function makeFoldable(frame) {
  const { id, title, operations } = clusters.get(frame.dataset.scope);
  const box = Object.fromEntries(["x", "y", "width", "height"].map((name) => [name, Number(frame.firstElementChild.getAttribute(name))]));
  const words = operations === 1 ? "1 operation" : `${operations.toLocaleString("en")} operations`;

  const cover = drawn("g", { class: "cover inside" }, picture);
  drawn("rect", { ...box, rx: 10 }, cover);
  const size = Math.min(13, Math.max(8, (1.7 * box.width) / words.length));
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 + 5, "text-anchor": "middle" };
  drawn("text", { ...middle, "font-size": size }, cover).textContent = words;
  covers.set(id, cover);

  const button = drawn("g", { class: "fold", role: "button", tabindex: 0, "aria-expanded": true, "aria-label": `Scope ${title}, ${words}` }, picture);
  const text = frame.lastElementChild;
  button.append(text);
  const end = text.getBBox().x + text.getBBox().width;
  drawn("path", { d: `M${end + 5},${box.y + 11}l4,4 4,-4` }, button);
  drawn("rect", { class: "hit", x: box.x + 3, y: box.y + 2, width: end - box.x + 14, height: 22, rx: 6 }, button);
  button.addEventListener("click", () => toggleFold(id));
  foldButtons.set(id, button);
}

// ------------------------------------------------------------------------------- move and zoom

const whole = picture.viewBox.baseVal;
const size = { width: whole.width, height: whole.height };

function setView(view) {
  state.view = view;
  picture.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
}

/** All of the graph, and a small one no larger than twice its size. */
function fit() {
  const { clientWidth, clientHeight } = picture;
  const width = Math.max(size.width, clientWidth / 2);
  const height = Math.max(size.height, clientHeight / 2);
  setView({ x: (size.width - width) / 2, y: (size.height - height) / 2, width, height });
}

const toGraph = (x, y) => new DOMPoint(x, y).matrixTransform(picture.getScreenCTM().inverse());

/** All of the graph if it can be read then, else its beginning; the steps lead on from there. */
function startView() {
  fit();
  const scale = picture.getScreenCTM().a;
  if (scale < LEGIBLE) zoom(scale / 0.9, middle());
}

/** Zoom about a point of the graph, which stays where it is. */
function zoom(by, at) {
  const { x, y, width, height } = state.view;
  const scale = Math.min(Math.max(by, 40 / width), (4 * Math.max(size.width, size.height)) / width);
  setView({ x: at.x + (x - at.x) * scale, y: at.y + (y - at.y) * scale, width: width * scale, height: height * scale });
}

const middle = () => ({ x: state.view.x + state.view.width / 2, y: state.view.y + state.view.height / 2 });

function bringIntoView(g) {
  const box = g.getBBox();
  const [start, end] = [[0, 0], [1, 1]].map(([right, down]) => {
    const frame = picture.getBoundingClientRect();
    return toGraph(frame.left + right * frame.width, frame.top + down * frame.height);
  });
  const isSeen = box.x >= start.x && box.y >= start.y && box.x + box.width <= end.x && box.y + box.height <= end.y;
  if (isSeen) return;
  const now = middle();
  setView({ ...state.view, x: state.view.x + box.x + box.width / 2 - now.x, y: state.view.y + box.y + box.height / 2 - now.y });
}

const pointers = new Map();
let wasDragged = false;

function drag(event) {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  if (Math.hypot(event.clientX - before.x, event.clientY - before.y) < 4 && !wasDragged) return;
  wasDragged = true;
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  const now = { x: event.clientX, y: event.clientY };
  if (other) {
    const apart = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
    zoom(apart(before) / apart(now), toGraph(other.x, other.y));
  } else {
    const [from, to] = [toGraph(before.x, before.y), toGraph(now.x, now.y)];
    setView({ ...state.view, x: state.view.x + from.x - to.x, y: state.view.y + from.y - to.y });
  }
  pointers.set(event.pointerId, now);
}

// -------------------------------------------------------------------------- keyboard and pointer

const KEYS = { ArrowLeft: moves.previous, ArrowRight: moves.next, Home: moves.first, End: moves.last, " ": togglePlaying };

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { target, key } = event;
  const isTyping = target.matches("input[type=search]");
  const isOwn = key === " " ? target.matches("button, select, summary, .fold") : target.matches("select");
  if (key === "Escape") clear();
  else if (isTyping || isOwn) {
    if (key !== " " || !target.matches(".fold")) return;
    target.dispatchEvent(new Event("click"));
  } else if (key === "/") byId("search").focus();
  else if (key === "Enter" && target.dataset?.node) pick(target.dataset.node);
  else if (key === "Enter" && target.matches(".fold")) target.dispatchEvent(new Event("click"));
  else if (KEYS[key]) KEYS[key]();
  else return;
  event.preventDefault();
}

function clear() {
  byId("search").value = "";
  search("");
  state.picked = [];
  showPicked();
  trace(null);
}

function listen() {
  for (const [name, move] of Object.entries(moves)) byId(name).addEventListener("click", move);
  byId("play").addEventListener("click", togglePlaying);
  byId("slider").addEventListener("input", (event) => goTo(Number(event.target.value)));
  byId("search").addEventListener("input", (event) => search(event.target.value));
  byId("search-form").addEventListener("submit", (event) => { event.preventDefault(); nextMatch(); });
  byId("zoom-in").addEventListener("click", () => zoom(0.8, middle()));
  byId("zoom-out").addEventListener("click", () => zoom(1.25, middle()));
  byId("fit").addEventListener("click", fit);
  document.addEventListener("keydown", press);
  addEventListener("resize", fit);
  picture.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(event.deltaY / 500), toGraph(event.clientX, event.clientY));
  }, { passive: false });
  picture.addEventListener("pointerdown", (event) => {
    if (!pointers.size) wasDragged = false;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  addEventListener("pointermove", drag);
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, (event) => pointers.delete(event.pointerId));
  for (const [id, g] of partElements) listenTo(id, g);
  wireElements.forEach((g, i) => {
    g.addEventListener("pointerenter", () => describeWire(graph.wires[i]));
    g.addEventListener("pointerleave", () => describe(state.picked.at(-1)));
  });
}

function listenTo(id, g) {
  for (const [name, text] of [["tabindex", 0], ["role", "button"], ["aria-pressed", false]]) g.setAttribute(name, text);
  for (const event of ["pointerenter", "focus"]) g.addEventListener(event, () => trace(id));
  for (const event of ["pointerleave", "blur"]) g.addEventListener(event, () => trace(null));
  g.addEventListener("click", () => wasDragged || pick(id));
}

picture.setAttribute("role", "group"); // its parts can be reached, unlike those of an image
picture.querySelectorAll(":scope > :is(title, desc)").forEach((text) => text.remove());
byId("table").hidden = !graph.leaves.length;
byId("slider").max = lastStep;
all("g.cluster").forEach(makeFoldable);
listen();
startView();
updateFolding();
