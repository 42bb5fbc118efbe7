// The page: the forward pass and then the backward pass, step by step. Python laid out the picture
// and wrote every rule; this shows and hides.

const byId = (id) => document.getElementById(id);
const all = (selector) => [...picture.querySelectorAll(selector)];
const wireElements = all("g.wire"); // in the order of graph.wires
const partElements = new Map(all("[data-node]:not(.trunk)").map((g) => [g.dataset.node, g]));
const writtenIn = new Map([...partElements].map(([id, g]) =>
  [id, [...g.querySelectorAll("text")].map((text) => text.textContent).join(" ")]));
const trunkElements = new Map(all(".trunk").map((g) => [g.dataset.node, g]));

const SECONDS_PER_STEP = 1.6;
const LISTED_PATHS = 8;
const LISTED_FACTORS = 9;
const PHASES = { start: "Leaves", forward: "Forward", output: "Output", backward: "Backward" };
const REASONS = {
  start: "Every gate computes its value as soon as its operands are there.",
  forward: "The gate computes its value from its operands.",
  output: "The backward pass begins at the end: how fast the output changes with itself.",
  backward: "Each operand receives: local derivative × gradient at the gate.",
};

const state = { step: 0, stops: [], timer: 0, folded: new Set(), picked: [], matches: [] };

const format = (number) => formatNumber(number === 0 ? 0 : number, graph.number);
const factor = (text) => (text.startsWith("-") ? `(${text})` : text);
const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

function element(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

function drawn(tag, attributes, parent) {
  const made = document.createElementNS(picture.namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made, "\n"); // so that words of two texts stand apart for those who listen
  return made;
}

/** Give a class to parts and wires, and take it from all others. */
function mark(name, found) {
  for (const element of all(`.${name}`)) element.classList.remove(name);
  for (const part of found?.parts ?? []) partElements.get(part).classList.add(name);
  for (const wire of found?.wires ?? []) {
    wireElements[standIns.get(wire) ?? wire].classList.add(name);
    trunkElements.get(graph.wires[wire].tail)?.classList.add(name);
  }
}

// ------------------------------------------------------------------------------------- the steps

const labels = []; // the texts on wires, and the step from which on each is shown

function collectLabels() {
  const collect = (g, kind, at) => {
    for (const text of g.querySelectorAll(`text.${kind}`)) labels.push({ text, at });
  };
  graph.wires.forEach((wire, i) => {
    collect(wireElements[i], "value", valueAt.get(wire.tail));
    collect(wireElements[i], "gradient", gradientAt.get(i));
  });
  for (const [part, g] of trunkElements) {
    collect(g, "value", valueAt.get(part));
    collect(g, "gradient", completeAt.get(part));
  }
}

function show(step) {
  state.step = step;
  document.body.dataset.step = step;
  for (const { text, at } of labels) text.classList.toggle("unreached", at > step);
  const run = stepsTogether(step);
  lightUp(run);
  explain(run);
  showLeaves(run);
  for (const part of graph.parts) labelPart(part);
  updateBar();
  describe(state.described);
  picture.dispatchEvent(new Event("changed"));
  keepAddress();
}

/** To a step, with its gate in view. */
function goAndFollow(step) {
  show(step);
  follow();
}

/** Bring the gate of this step into view with its operands; at the start, the first gate. */
function follow(step = state.step || 1) {
  const { part, wires } = graph.steps[step];
  const around = wires.flatMap((i) => [partElements.get(graph.wires[i].tail), wireElements[i]]);
  bringIntoView(partElements.get(part || graph.parts.at(-1).id), ...around);
}

/** The steps that are shown as one: inside of a folded scope they are not told apart. */
function stepsTogether(step) {
  const cover = coverOf(graph.steps[step].part);
  let first = step;
  if (cover) while (coverOf(graph.steps[first - 1].part) === cover) first -= 1;
  return graph.steps.slice(first, step + 1);
}

let lit = null; // the steps whose wires flow

function lightUp(run) {
  const wires = new Set(run.flatMap((step) => step.wires));
  mark("operand", { parts: [...wires].map((wire) => graph.wires[wire].tail) });
  const ends = run[0].phase === "output" ? [...wires].map(headOf) : [];
  const gates = run.map((step) => step.part).filter(Boolean);
  const goesBack = run[0].phase === "backward" || run[0].phase === "output";
  mark("flows", null);
  if (state.picked.length === 2) { // the colour is that of the paths
    mark("active", null);
    return;
  }
  if (lit !== run[0]) picture.getBoundingClientRect(); // so that the flow starts anew
  lit = run[0];
  mark("active", { parts: [...gates, ...ends], wires });
  mark("flows", { wires });
  mark("back", goesBack ? { wires } : null);
  for (const [id, cover] of covers) cover.classList.toggle("active", id === coverOf(run[0].part));
}

function explain(run) {
  const { phase, part } = run[0];
  const cover = clusters.get(coverOf(part));
  const what = phase === "forward" ? "values" : "gradients";
  const summary = () => [`${cover.title}: the ${what} of ${counted(run.length, "gate")}`, "", ""];
  const isFailing = failure && state.step === finalStep();
  const rules = cover ? [summary()] : isFailing ? [[failure.text, "", ""]] : rulesOf(run[0]);
  byId("phase").textContent = PHASES[phase];
  byId("rules").className = rules.length > 3 ? `${phase} many` : phase;
  byId("rules").replaceChildren(...rules.map(ruleElement));
  byId("why").textContent = REASONS[phase];
  byId("spoken").textContent = `${PHASES[phase]}: ${rules.map(ruleText).join("; ")}`;
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
  const place = `${step} / ${finalStep()}`;
  byId("slider").max = finalStep();
  byId("slider").value = step;
  byId("slider").setAttribute("aria-valuetext", `step ${place}, ${byId("spoken").textContent}`);
  byId("counter").textContent = `${PHASES[graph.steps[step].phase]} · ${place}`;
  byId("first").disabled = byId("previous").disabled = step === 0;
  byId("next").disabled = byId("last").disabled = step === finalStep();
}

const nextStop = () => state.stops.find((stop) => stop > state.step && stop <= finalStep()) ?? finalStep();
const previousStop = () => state.stops.findLast((stop) => stop < state.step) ?? 0;

/** To a step, or to the end of the folded scope that it is in. */
function goTo(step) {
  pause();
  stopAsking();
  goAndFollow(Math.min(state.stops.find((stop) => stop >= step) ?? lastStep, finalStep()));
}

const moves = {
  first: () => goTo(0),
  previous: () => goTo(previousStop()),
  next: () => (asked.questions.length ? byId("guess").focus() : (goTo(nextStop()), askNext())),
  last: () => goTo(finalStep()),
};

// --------------------------------------------------------------------------------------- playing

function play() {
  if (state.step === finalStep()) goAndFollow(0);
  setPlaying(true);
  wait();
}

function wait() {
  const milliseconds = (1000 * SECONDS_PER_STEP) / Number(byId("speed").value);
  state.timer = setTimeout(() => {
    goAndFollow(nextStop());
    if (state.step === finalStep()) pause();
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

// ----------------------------------------------------------------------- leaves and single nodes

const leafRows = new Map();

function makeTable() {
  byId("table").hidden = !graph.leaves.length && !graph.constants.length;
  for (const leaf of [...graph.leaves, ...graph.constants]) {
    const { name, label = name, value } = parts.get(leaf);
    const row = element("tr");
    const cell = element("td", "value", recorded ? "" : value);
    if (recorded) cell.append(makeInput(leaf));
    row.append(element("td", "", isChangeableConstant(leaf) ? `constant ${label}` : label), cell, element("td", "gradient"));
    byId("leaves").append(row);
    leafRows.set(leaf, row);
  }
}

function showLeaves(run) {
  const changed = new Set(run.flatMap(({ totals }) => totals.map(([part]) => part)));
  for (const [leaf, row] of leafRows) {
    row.lastChild.textContent = gradientOf(leaf, state.step);
    row.classList.toggle("changed", changed.has(leaf));
  }
}

function say(element, label) {
  if (element.getAttribute("aria-label") !== label) element.setAttribute("aria-label", label);
}

/** A part says what is written in it, its name, and what is known of it. */
function labelPart({ id, name, label = name, word, value }) {
  const gradient = gradientOf(id, state.step);
  const seen = word === "constant" ? label : writtenIn.get(id);
  const words = [seen, seen.split(" ").includes(label) ? "" : label, seen === word ? "" : word, isKnown(id, state.step) && value && `value ${value}`];
  words.push(gradient && `gradient ${gradient}`);
  say(partElements.get(id), words.filter(Boolean).join(", "));
}

/** A node in the panel: what it is, and what is known of it at this step. */
function describe(id) {
  state.described = id;
  const part = parts.get(id);
  byId("hint").hidden = Boolean(part);
  const name = part?.label ?? part?.name ?? "";
  const formula = part && formulaText(part);
  byId("node").textContent = formula ? `${name} = ${formula}` : name;
  const facts = {
    Value: part && isKnown(id, state.step) && part.value,
    Gradient: part && gradientOf(id, state.step),
    "Local derivatives": part && isKnown(id, state.step) && localDerivatives(id),
    Scope: clusters.get(part?.cluster)?.path,
  };
  const known = Object.entries(facts).filter(([, text]) => text);
  byId("facts").replaceChildren(
    ...known.flatMap(([term, text]) => [element("dt", "", term), element("dd", "", text)]),
  );
}

/** ∂(this)/∂(operand) for each operand, as wires say it to whoever points at them. */
const localDerivatives = (id) => wiresInto.get(id)
  .map((wire) => textsOf(graph.wires[wire])).filter(({ rule }) => rule).map(wireText).join("; ");

const wireText = ({ slope, rule, local }) => [...new Set([slope, rule, local])].join(" = ");

function describeWire(wire) {
  const texts = textsOf(wire);
  if (!texts.rule) return;
  describe(null);
  byId("node").textContent = wireText(texts);
}

/** Light up everything before a node and everything after it; the rest stands back. */
function trace(id) {
  byId("legend").hidden = !id;
  mark("here", id && { parts: [id] });
  mark("from", id && reach(id, "tail"));
  mark("to", id && reach(id, "head"));
  picture.classList.toggle("tracing", Boolean(id) || state.picked.length === 2);
  describe(id ?? state.picked.at(-1));
}

/** A name that stands nowhere in the picture, above its part: seen while somebody speaks of it. */
function makeTag({ id, name, shows, word, several, cluster }) {
  const g = partElements.get(id);
  const around = [g, trunkElements.get(id), ...wiresOutOf.get(id).map((wire) => wireElements[wire])];
  const written = writtenIn.get(id).split(" ");
  const isWritten = written.includes(name)
    || (cluster && written.includes(name.split(".").at(-1))) // the frame has the rest
    || around.some((one) => one?.textContent.includes(`${name} = `));
  if (isWritten || shows || several || word === "constant") return;
  const { x, y, width } = g.getBBox();
  drawn("text", { class: "tag", x: x + width / 2, y: y - 5 }, g).textContent = name;
}

// ------------------------------------------------------------------------------------- the paths

function pick(id) {
  const { shows } = parts.get(id);
  const node = shows && !parts.get(shows).several ? shows : id;
  const others = state.picked.filter((other) => other !== node);
  if (others.length < state.picked.length) state.picked = others;
  else state.picked = [...(others.length === 2 ? [] : others), node];
  showPicked();
}

function showPicked() {
  mark("picked", { parts: state.picked });
  for (const [id, g] of partElements) {
    if (canBePicked(id)) g.setAttribute("aria-pressed", state.picked.includes(id));
  }
  const paths = state.picked.length === 2 ? pathsBetween(...state.picked) : null;
  mark("traced", paths && withOutput(paths));
  lightUp(stepsTogether(state.step));
  const hint = element("p", "quiet", "Click another node to see the paths between the two.");
  byId("paths").hidden = !state.picked.length;
  byId("paths").replaceChildren(...(paths ? pathElements(paths) : [hint]));
  trace(null);
  keepAddress();
}

/** Paths to what is an output go on to the end of the picture. */
function withOutput(paths) {
  const last = wiresOutOf.get(paths.end).filter((wire) => parts.get(headOf(wire)).shows);
  return {
    parts: new Set([...paths.parts, ...last.map(headOf)]),
    wires: new Set([...paths.wires, ...last]),
  };
}

function pathElements(paths) {
  const [start, end] = [paths.start, paths.end].map(nameOf);
  const list = element("ol");
  for (const path of listed(paths)) {
    if (list.children.length === LISTED_PATHS || !paths.count) break;
    list.append(pathElement(path, start, paths.isWritten));
  }
  const rest = paths.count - BigInt(list.children.length);
  const sum = element("p", "sum", sumText(paths, !rest && [...list.children].map(productOf)));
  if (rest) list.append(element("li", "quiet", `and ${rest.toLocaleString("en")} more`));
  const [one, many] = paths.isWritten ? ["path", "paths"] : ["way", "ways"];
  const count = paths.count === 1n ? `1 ${one}` : `${paths.count.toLocaleString("en")} ${many}`;
  const heading = element("h3", "", `${count} from ${start} to ${end}`);
  return [heading, list, sum, element("p", "quiet", paths.count ? remark(paths) : "")];
}

const nameOf = (id) => parts.get(id).name;
const productOf = (item) => item.dataset.product;
const severalAt = ({ start, end }) => [start, end].find((id) => parts.get(id).several);

function sumText(paths, products) {
  const slope = `∂${nameOf(paths.end)}/∂${nameOf(paths.start)}`;
  if (paths.count && severalAt(paths)) return "";
  if (paths.sumInside) return `${slope} = ${paths.sumInside}`;
  if (!paths.isWritten) return `${slope} is not known`;
  const [first, ...others] = products || [];
  const terms = others.length ? `${[first, ...others.map(factor)].join(" + ")} = ` : "";
  return `${slope} = ${terms}${format(paths.sum)}`;
}

/** What else must be said of paths that lead through folded boxes with several results. */
function remark(paths) {
  const several = severalAt(paths);
  if (several) return `${nameOf(several)} has several results: no single number is its derivative.`;
  if (paths.isWritten) return "";
  const boxes = [...new Set(paths.boxes.map(nameOf))].join(", ");
  const through = `through the folded ${boxes || "parts"}`;
  if (paths.sumInside) return `The sum over every path of the graph, also ${through}.`;
  return `The graph is too large to add up here what leads ${through}.`;
}

function pathElement(path, start, isWritten) {
  const heads = path.map(headOf);
  const item = element("li", "", [start, ...heads.map(nameOf)].join(" → "));
  if (isWritten || (path.every(hasSlope) && !parts.get(graph.wires[path[0]].tail).several)) {
    item.dataset.product = format(path.reduce((product, wire) => slopeOf(wire) * product, 1));
    item.append(element("span", "", factorsOf(path) + item.dataset.product));
  }
  item.tabIndex = 0;
  for (const event of ["pointerenter", "focus"]) {
    item.addEventListener(event, () => mark("active", { parts: heads, wires: path }));
  }
  for (const event of ["pointerleave", "blur"]) {
    item.addEventListener(event, () => lightUp(stepsTogether(state.step)));
  }
  return item;
}

function factorsOf(path) {
  if (path.length <= 1) return "";
  if (path.length > LISTED_FACTORS) return `${path.length} factors = `;
  return `${path.map((wire, i) => (i ? factor : String)(textsOf(graph.wires[wire]).local)).join(" · ")} = `;
}

// ---------------------------------------------------------------------------------------- search

function search(text) {
  const wanted = text.trim().toLowerCase();
  const fits = ({ name, label = name, id, shows }) =>
    wanted && !shows && [label, id].some((word) => word.toLowerCase().includes(wanted));
  state.matches = graph.parts.filter(fits).map((part) => part.id);
  mark("match", { parts: state.matches });
  byId("found").textContent = wanted ? `${state.matches.length || "none"} found` : "";
}

/** To the next match; if it is in a folded scope, that is unfolded. */
function nextMatch() {
  const [match, ...others] = state.matches;
  if (!match) return;
  state.matches = [...others, match];
  const around = scopesFrom(parts.get(match).cluster).filter((scope) => state.folded.has(scope));
  around.forEach((scope) => toggleFold(scope));
  bringIntoView(partElements.get(match));
  describe(match);
}

// -------------------------------------------------------------------------- keyboard and pointer

const KEYS = {
  ArrowLeft: moves.previous,
  ArrowRight: moves.next,
  Home: moves.first,
  End: moves.last,
  Escape: clear,
  " ": togglePlaying,
  "/": () => byId("search").focus(),
};

function keyAction({ key, target }) {
  if (target.matches("select, input:not([type=range])") && key !== "Escape") return null;
  if (target.matches("button, summary") && key === " ") return null; // the browser clicks it
  const { node } = target.dataset;
  if (node && key === "Enter") return () => pick(node);
  const isOnFold = target.matches(".fold") && (key === "Enter" || key === " ");
  return isOnFold ? () => toggleFold(target.dataset.fold, true) : KEYS[key];
}

function pressKey(event) {
  const action = event.ctrlKey || event.metaKey || event.altKey ? null : keyAction(event);
  if (!action) return;
  event.preventDefault();
  action();
}

function clear() {
  byId("search").value = "";
  search("");
  state.picked = [];
  showPicked();
}

function listen() {
  const clicks = { ...moves, play: togglePlaying, fit: () => fit() };
  clicks["zoom-in"] = () => zoomBy(0.8);
  clicks["zoom-out"] = () => zoomBy(1.25);
  for (const [id, action] of Object.entries(clicks)) byId(id).addEventListener("click", action);
  byId("slider").addEventListener("input", ({ target }) => goTo(Number(target.value)));
  byId("search").addEventListener("input", ({ target }) => search(target.value));
  byId("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    nextMatch();
  });
  document.addEventListener("keydown", pressKey);
  picture.addEventListener("focusin", ({ target }) => {
    if (target.matches(":focus-visible")) bringIntoView(target); // who comes by keyboard sees it
  });
  for (const [id, g] of partElements) listenToPart(id, g);
  wireElements.forEach((g, i) => {
    g.addEventListener("pointerenter", () => describeWire(graph.wires[i]));
    g.addEventListener("pointerleave", () => describe(state.picked.at(-1)));
  });
}

/** A constant that can be changed holds its number, which is a control of its own. */
const canBePicked = (id) => !recorded || !isChangeableConstant(id);

function listenToPart(id, g) {
  g.setAttribute("role", canBePicked(id) ? "button" : "group");
  if (canBePicked(id)) g.setAttribute("tabindex", 0);
  for (const event of ["pointerenter", "focus"]) g.addEventListener(event, () => trace(id));
  for (const event of ["pointerleave", "blur"]) g.addEventListener(event, () => trace(null));
  if (canBePicked(id)) g.addEventListener("click", () => wasDragged || pick(id));
}

/** At the beginning, and whenever the window changes, until somebody moves the picture. */
function adapt() {
  if (!isUntouched) return;
  startView();
  follow();
}

picture.setAttribute("role", "group"); // unlike those of an image, its parts can be reached
all(":scope > :is(title, desc)").forEach((text) => text.remove());
byId("slider").max = lastStep;
if (recorded) replay(given);
makeTable();
graph.parts.forEach(makeTag);
collectLabels();
all("g.cluster").forEach(makeFoldable);
listen();
picture.addEventListener("viewchange", fitCovers);
updateFolding();
showPicked();
startChanging();
startPractice();
new ResizeObserver(adapt).observe(picture);
