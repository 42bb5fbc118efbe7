// Change a number, and everything follows: on its wire, in the table, and in the address.

const changeable = recorded ? [...graph.leaves, ...(graph.constants)] : [];
const original = recorded && startingNumbers();
let given = recorded && new Map(original);

const numberAt = (id) => given.get(parts.get(id).node);
const isChangeableConstant = (id) => graph.constants.includes(id);

/** What a part is called in the address and in the table; a constant by its id, as it changes. */
const keyOf = (id) =>
  (isChangeableConstant(id) ? id : parts.get(id).label ?? parts.get(id).name);

/** Give leaves new numbers, by the ids of their parts, and show what follows. */
function change(feed) {
  for (const [id, number] of feed) given.set(parts.get(id).node, number);
  replay(given);
  relabel();
  showFailure();
  show(Math.min(state.step, finalStep()));
  if (state.picked.length) showPicked();
  for (const [id, input] of inputs) if (document.activeElement !== input) input.value = inShort(id);
  byId("reset").disabled = changeable.every((id) => isOriginal(id));
}

const isOriginal = (id) => Object.is(numberAt(id), original.get(parts.get(id).node));

/** The step at which a number has no value, or the last one. */
function finalStep() {
  if (!failure) return lastStep;
  const failing = failingPart();
  return graph.steps.findIndex(({ phase, part }) => phase === "forward" && part === failing);
}

/** The part in which the node is that has no value. */
function failingPart() {
  const isOwn = ({ node, shows }) => node === failure.node && !shows;
  const hides = ({ inside, within }) => (inside ?? within ?? []).includes(failure.node);
  const later = graph.steps.map(({ part }) => part).filter((part) => part
    && Number(part.slice(1)) >= failure.node); // a folded part is called by its last node
  return graph.parts.find(isOwn)?.id ?? graph.wires.find(hides)?.head ?? later[0];
}

function showFailure() {
  mark("failed", failure && { parts: [failingPart()] });
  byId("failure").hidden = !failure;
  byId("failure").textContent = failure ? failure.text : "";
}

// --------------------------------------------------------------------------- labels in the picture

const UNKNOWN = "–";

function relabel() {
  const write = (g, kind, text) => {
    for (const label of g.children) {
      if (label.classList.contains(kind) && label.textContent !== text) label.textContent = text;
    }
  };
  graph.wires.forEach((wire, i) => {
    if (hasLabels(wire)) {
      write(wireElements[i], "value", valueLabel(wire.tail, trunkElements.has(wire.tail)));
      write(wireElements[i], "gradient", gradientLabel(wire));
    }
  });
  for (const [id, g] of trunkElements) {
    write(g, "value", valueLabel(id, false));
    write(g, "gradient", totalLabel(id));
  }
  for (const id of graph.constants) {
    partElements.get(id).querySelector("text").textContent = parts.get(id).value;
  }
}

const hasLabels = ({ tail }) => !parts.get(tail).several || !trunkElements.has(tail);

function valueLabel(id, isForked) {
  const { several, results, value } = parts.get(id);
  if (several) return `${results.length.toLocaleString("en")} values`;
  const named = isForked ? undefined : recorded.named[nodeOf(parts.get(id))];
  return named ? `${named} = ${value || UNKNOWN}` : value || UNKNOWN;
}

/** The gradient of one value, or the size of that of several. */
function totalLabel(id) {
  if (failure) return UNKNOWN;
  const { several, results } = parts.get(id);
  if (!several) return shown(gradientAtNode(nodeOf(parts.get(id))));
  return `‖∇‖ ${shown(Math.hypot(...results.map(gradientAtNode)))}`;
}

function gradientLabel(wire) {
  if (failure) return UNKNOWN;
  const tail = parts.get(wire.tail);
  if (wire.edge) return shown(flowOf(wire));
  if (parts.get(wire.head).shows) {
    return shown(recorded.outputs.filter((output) => output === nodeOf(tail)).length);
  }
  return trunkElements.has(wire.tail) && !tail.several ? shown(flowOf(wire)) : totalLabel(wire.tail);
}

// -------------------------------------------------------------------- on the wire and in the table

const inputs = new Map(); // the input of each leaf in the table
const PIXELS_PER_STEP = 6;

const stepOf = (number, event) =>
  (Math.abs(number) >= 10 ? 1 : 0.1) * (event.shiftKey ? 10 : 1) * (event.altKey ? 0.1 : 1);
const moved = (number, by) => Number((number + by).toFixed(10));

/** As much of a number as the table has room for; all of it is there for whoever changes it. */
const inShort = (id) => Number(numberAt(id).toPrecision(8));

function makeInput(id) {
  const input = element("input");
  Object.assign(input, { type: "number", step: "any", value: inShort(id) });
  input.setAttribute("aria-label", keyOf(id));
  input.addEventListener("focus", () => {
    input.value = numberAt(id);
    input.select(); // what is typed takes its place
  });
  input.addEventListener("input", () => {
    const isNumber = input.value.trim() !== "" && Number.isFinite(input.valueAsNumber);
    input.setAttribute("aria-invalid", !isNumber);
    if (isNumber) change([[id, input.valueAsNumber]]);
  });
  input.addEventListener("blur", () => {
    input.setAttribute("aria-invalid", false);
    input.value = inShort(id);
  });
  input.addEventListener("keydown", (event) => event.stopPropagation());
  inputs.set(id, input);
  return input;
}

/** The number of a leaf, where it stands on the wire: drag it, press arrow keys, or type. */
function makeAdjustable(id) {
  const own = trunkElements.get(id) ?? wireElements[wiresOutOf.get(id)[0]];
  const place = isChangeableConstant(id) ? partElements.get(id) : own;
  const text = place?.querySelector(isChangeableConstant(id) ? "text" : "text.value");
  if (!text) return;
  text.classList.add("adjustable");
  const says = { tabindex: 0, role: "spinbutton", "aria-label": `${keyOf(id)}, change the value` };
  for (const [name, value] of Object.entries(says)) text.setAttribute(name, value);
  const say = () => text.setAttribute("aria-valuenow", numberAt(id));
  picture.addEventListener("changed", say);
  say();
  text.addEventListener("pointerdown", (event) => dragNumber(event, id, text));
  text.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
    const isTyped = /^[-.\d]$/.test(event.key) && !event.ctrlKey && !event.metaKey;
    if (!by && !isTyped && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    if (by) change([[id, moved(numberAt(id), by * stepOf(numberAt(id), event))]]);
    else type(id, text, isTyped ? event.key : String(numberAt(id)));
  });
}

function dragNumber(event, id, text) {
  event.stopPropagation();
  const [start, from] = [numberAt(id), event.clientX];
  let isDragged = false;
  text.setPointerCapture(event.pointerId);
  const drag = (now) => {
    const steps = Math.round((now.clientX - from) / PIXELS_PER_STEP);
    isDragged ||= steps !== 0;
    if (isDragged) change([[id, moved(start, steps * stepOf(start, now))]]);
  };
  text.addEventListener("pointermove", drag);
  const end = () => {
    text.removeEventListener("pointermove", drag);
    if (!isDragged) type(id, text, String(numberAt(id)));
  };
  text.addEventListener("pointerup", end, { once: true });
  text.addEventListener("pointercancel", () => text.removeEventListener("pointermove", drag),
    { once: true });
}

/** An input over the number in the picture, until Enter, Escape or something else is chosen. */
function type(id, text, start) {
  const input = element("input", "over-picture");
  input.inputMode = "decimal";
  input.value = start;
  input.setAttribute("aria-label", keyOf(id));
  const { x, y, width, height } = text.getBoundingClientRect();
  input.style.left = `${x + width / 2 - 50}px`;
  input.style.top = `${y + height / 2 - 17}px`;
  let isDone = false;
  const finish = (isKept) => {
    if (isDone) return; // taking it away is a blur as well
    isDone = true;
    const number = Number(input.value);
    input.remove();
    if (isKept && input.value.trim() && Number.isFinite(number)) change([[id, number]]);
    text.focus();
  };
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Escape") finish(event.key === "Enter");
  });
  input.addEventListener("blur", () => finish(true));
  document.body.append(input);
  input.focus();
  if (start.length > 1) input.select();
}

// --------------------------------------------------------------------------------- in the address

/** `step=9&x=3&path=x,f`: what is not as at the beginning. */
function address() {
  const said = new URLSearchParams();
  if (state.step) said.set("step", state.step);
  for (const id of changeable) if (!isOriginal(id)) said.set(keyOf(id), numberAt(id));
  if (state.picked.length) said.set("path", state.picked.map(keyOf).join(","));
  if (state.folded.size) said.set("fold", [...state.folded].join(","));
  return said.toString();
}

let isAddressRead = false;

function keepAddress() {
  if (parent !== window || !isAddressRead) return; // in a frame, the address is the notebook's
  const said = address();
  if (said === location.hash.slice(1)) return;
  history.replaceState(null, "", said ? `#${said}` : location.pathname + location.search);
}

/** As a link says; names that are not of this graph, and what is no number, are passed over. */
function readAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  const idOf = new Map(graph.parts.filter(({ shows }) => !shows).map(({ id }) => [keyOf(id), id]));
  const feed = changeable.map((id) => {
    const number = said.has(keyOf(id)) ? Number(said.get(keyOf(id))) : NaN;
    return [id, Number.isFinite(number) ? number : original.get(parts.get(id).node)];
  });
  const folded = (said.get("fold") ?? "").split(",").filter((scope) => clusters.has(scope));
  for (const scope of clusters.keys()) {
    if (folded.includes(scope) !== state.folded.has(scope)) toggleFold(scope);
  }
  const picked = (said.get("path") ?? "").split(",").map((name) => idOf.get(name)).filter(Boolean);
  state.picked = picked.slice(0, 2);
  if (recorded) change(feed);
  showPicked();
  const step = Math.round(Number(said.get("step")));
  goTo(Number.isFinite(step) ? Math.min(Math.max(step, 0), finalStep()) : 0);
}

async function copyLink() {
  keepAddress();
  const link = `${location.href.split("#")[0]}#${address()}`;
  try {
    await navigator.clipboard.writeText(link);
    byId("spoken").textContent = "The link is copied.";
    byId("copy").textContent = "Copied";
    setTimeout(() => { byId("copy").textContent = "Copy link"; }, 1500);
  } catch {
    prompt("The link to what you see:", link);
  }
}

function startChanging() {
  byId("still").hidden = Boolean(recorded);
  byId("reset").hidden = !changeable.length;
  byId("copy").hidden = parent !== window;
  byId("copy").addEventListener("click", copyLink);
  if (recorded) {
    changeable.forEach(makeAdjustable);
    byId("reset").addEventListener("click", () =>
      change(changeable.map((id) => [id, original.get(parts.get(id).node)])));
    change([]);
  }
  const hasAddress = location.hash.length > 1; // also in a frame that was given one
  isAddressRead = true;
  if (hasAddress) readAddress();
  addEventListener("hashchange", readAddress);
}
