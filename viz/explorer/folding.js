// A scope folds to a cover over all that is in it.

const COVER_TYPE = 19; // pixels
const TITLE_SIZE = 12; // for which Python worked out how wide titles are

const covers = new Map();
const foldButtons = new Map();
const standIns = new Map(); // for wires from one part into one folded scope, the one that is shown

/** The outermost folded scope that a part is in. */
function coverOf(id) {
  return scopesFrom(parts.get(id)?.cluster).findLast((scope) => state.folded.has(scope));
}

function toggleFold(id, isAnimated = false) {
  if (!state.folded.delete(id)) state.folded.add(id);
  foldButtons.get(id).setAttribute("aria-expanded", !state.folded.has(id));
  updateFolding();
  rearrange(id, isAnimated);
}

function updateFolding() {
  const cover = new Map(graph.parts.map(({ id }) => [id, coverOf(id)]));
  const hides = ({ tail, head }) => cover.get(tail) && cover.get(tail) === cover.get(head);
  const hide = (g, isInside) => g.classList.toggle("inside", Boolean(isInside));
  for (const [id, g] of partElements) hide(g, cover.get(id));
  bundle(cover);
  graph.wires.forEach((wire, i) => hide(wireElements[i], hides(wire) || standIns.has(i)));
  for (const [id, g] of trunkElements) hide(g, cover.get(id));
  for (const [id, button] of foldButtons) {
    const isInside = scopesFrom(clusters.get(id).parent).some((scope) => state.folded.has(scope));
    hide(button, isInside);
    hide(covers.get(id), isInside || !state.folded.has(id));
  }
  for (const g of all("g.cluster")) {
    hide(g, scopesFrom(g.dataset.scope).some((scope) => state.folded.has(scope)));
  }
  const runs = graph.steps.map((step) => cover.get(step.part));
  state.stops = [...runs.keys()].filter((i) => !runs[i] || runs[i] !== runs[i + 1]);
  show(Math.min(state.stops.find((stop) => stop >= state.step) ?? lastStep, finalStep()));
}

/**
 * Of several wires from one part, or out of one folded scope, into another folded scope the shortest
 * is shown, for all of them. Their labels are in what is folded.
 */
function bundle(cover) {
  standIns.clear();
  const bundles = new Map();
  graph.wires.forEach(({ tail, head }, i) => {
    wireElements[i].classList.remove("bundle");
    const scope = cover.get(head);
    if (!scope || cover.get(tail) === scope) return;
    const key = `${cover.get(tail) ?? tail} ${scope}`;
    bundles.set(key, [...(bundles.get(key) ?? []), i]);
  });
  for (const wires of bundles.values()) {
    const lengths = wires.map((wire) => wireElements[wire].querySelector("path").getTotalLength());
    const shown = wires[lengths.indexOf(Math.min(...lengths))];
    wireElements[shown].classList.add("bundle");
    for (const wire of wires) if (wire !== shown) standIns.set(wire, shown);
  }
}

/** A frame's title becomes a button, and once the scope is folded a cover over the whole frame. */
function makeFoldable(frame) {
  const [outline, text] = frame.children;
  const { id, title, title_width, operations } = clusters.get(frame.dataset.scope);
  const sides = ["x", "y", "width", "height"].map((name) => outline[name].baseVal.value);
  const [x, y, width, height] = sides;
  const words = counted(operations, "operation");
  const says = { role: "button", "aria-expanded": true, "aria-label": `Scope ${title} ${words}` };
  const button = drawn("g", { class: "fold", "data-fold": id, tabindex: 0, ...says }, picture);
  button.append(text);
  const end = x + 10 + title_width;
  drawn("path", { d: `M${end + 5},${y + 11}L${end + 9},${y + 15} ${end + 13},${y + 11}` }, button);
  const hit = { x: x + 3, y: y + 2, width: end - x + 14, height: 22, rx: 6 };
  drawn("rect", { class: "hit", ...hit }, button);

  const cover = drawn("g", { class: "cover inside" }, button);
  drawn("rect", { x, y, width, height, rx: 10 }, cover);
  drawn("text", { class: "title", "text-anchor": "middle" }, cover).textContent = title;
  drawn("text", { "text-anchor": "middle" }, cover).textContent = words;
  button.addEventListener("click", () => wasDragged || toggleFold(id, true));
  covers.set(id, cover);
  foldButtons.set(id, button);
}

/** How wide the words of a cover are in type of size 1. */
function lettersOf(scope) {
  const words = covers.get(scope).children[2].textContent;
  return Math.max(clusters.get(scope).title_width / TITLE_SIZE, 0.5 * words.length);
}

/** What stands on covers is as large on the screen at any zoom, as far as there is room. */
function fitCovers() {
  const unit = 1 / pixelsPerUnit();
  for (const scope of state.folded) {
    const [box, title, words] = covers.get(scope).children;
    const { x, y, width, height } = box.getBBox();
    const longest = lettersOf(scope);
    const type = Math.min(COVER_TYPE * unit, 0.9 * width / longest, 0.3 * height);
    const seen = (start, length, from, to, margin) =>
      Math.min(Math.max((Math.max(start, from) + Math.min(start + length, to)) / 2,
        start + margin), start + length - margin);
    const across = seen(x, width, view.x, view.x + view.width, longest * type / 2);
    const down = seen(y, height, view.y, view.y + view.height, 1.2 * type);
    for (const text of [title, words]) text.setAttribute("x", across);
    title.setAttribute("y", down - 0.1 * type);
    words.setAttribute("y", down + 0.9 * type);
    title.setAttribute("font-size", type);
    words.setAttribute("font-size", 0.8 * type);
  }
}
