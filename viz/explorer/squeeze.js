// What folding empties is made short: a piecewise-linear map of x and one of y, for all shapes of
// the picture. Stretches in which only wires lie are shortened, everything else keeps its size.

const GAP = 24; // of the picture, for a stretch in which folding left only wires
const RIM = 10; // around parts and covers, for the heads of arrows
const COVER_SIZE = { type: 16, width: 32, height: 66 }; // a cover is no smaller
const MOTION = 220; // milliseconds
const MOST_MOVED = 400; // wires that are moved while one watches

const STILL = [[0, 0]]; // places and where they go
let maps = { x: STILL, y: STILL };
let finishMotion = () => {};

/** Where a place goes: on the line between two places of a map, and beyond them along with it. */
function placed(map, at) {
  let [low, high] = [0, map.length - 1];
  if (at <= map[0][0]) return at + map[0][1] - map[0][0];
  if (at >= map[high][0]) return at + map[high][1] - map[high][0];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (map[middle][0] <= at) low = middle;
    else high = middle;
  }
  const [[from, to], [end, then]] = [map[low], map[high]];
  return to + ((at - from) * (then - to)) / (end - from);
}

/** A map that shortens the stretches outside of what is solid in which something is hidden. */
function shortened(solid, hidden, wanted) {
  const rigid = [];
  for (const [from, to] of solid.toSorted((one, other) => one[0] - other[0])) {
    if (rigid.length && from <= rigid.at(-1)[1]) {
      rigid.at(-1)[1] = Math.max(rigid.at(-1)[1], to);
    } else rigid.push([from, to]);
  }
  const gaps = rigid.slice(1).map(([to], i) => {
    const from = rigid[i][1];
    const isEmptied = hidden.some(([start, end]) => start < to && from < end);
    return { from, to, length: isEmptied ? Math.min(to - from, GAP) : to - from };
  });
  for (const { from, to, least } of wanted) {
    const inside = gaps.filter((gap) => from <= gap.from && gap.to <= to);
    const lost = inside.reduce((sum, gap) => sum + gap.to - gap.from - gap.length, 0);
    const missing = Math.min(least - (to - from) + lost, lost);
    if (missing <= 0) continue;
    for (const gap of inside) gap.length += ((gap.to - gap.from - gap.length) * missing) / lost;
  }
  const map = [[rigid[0][0], rigid[0][0]]];
  for (const { from, to, length } of gaps) {
    const start = map.at(-1)[1] + from - map.at(-1)[0];
    map.push([from, start], [to, start + length]);
  }
  return map;
}

// ------------------------------------------------------------------------------------ the shapes

const laidOut = new Map(); // attributes of shapes, as Python laid them out
const PLACES = { rect: ["x", "y", "width", "height"], circle: ["cx", "cy"], text: ["x", "y"] };
const PAIR = /(-?[\d.e-]+),(-?[\d.e-]+)/g;
const two = (number) => Number(number.toFixed(2));

function rememberShapes() {
  if (laidOut.size) return;
  for (const shape of all("rect:not(.background), circle, text[x], path, polygon")) {
    if (shape.parentElement.matches(".cover") && shape.tagName === "text") continue;
    const names = PLACES[shape.tagName];
    if (names) laidOut.set(shape, names.map((name) => Number(shape.getAttribute(name))));
    else if (shape.tagName === "path") laidOut.set(shape, refined(shape.getAttribute("d")));
    else laidOut.set(shape, shape.getAttribute("points"));
  }
}

/** A path of Bézier segments with each of them in four, so that it bends as the map does. */
function refined(path) {
  const points = [...path.matchAll(PAIR)].map(([, x, y]) => [Number(x), Number(y)]);
  if (!path.includes("C")) return path;
  const parts = [];
  for (let i = 0; i + 3 < points.length; i += 3) {
    for (const half of halves(points.slice(i, i + 4))) {
      for (const part of halves(half)) parts.push(part.slice(1).join(" "));
    }
  }
  return `M${points[0]}C${parts.join(" ")}`;
}

/** Both halves of a segment (de Casteljau). */
function halves([a, b, c, d]) {
  const between = (one, other) => one.map((from, k) => two((from + other[k]) / 2));
  const [ab, bc, cd] = [between(a, b), between(b, c), between(c, d)];
  const [abc, bcd] = [between(ab, bc), between(bc, cd)];
  const middle = between(abc, bcd);
  return [[a, ab, abc, middle], [middle, bcd, cd, d]];
}

/** Put every shape where it is, or on its way between two arrangements. */
function place(across, down) {
  for (const [shape, given] of laidOut) {
    if (typeof given === "string") {
      const moved = given.replace(PAIR, (_, x, y) => `${across(Number(x))},${down(Number(y))}`);
      shape.setAttribute(shape.tagName === "path" ? "d" : "points", moved);
      continue;
    }
    const [x, y, width, height] = given;
    const numbers = [across(x), down(y)];
    if (width !== undefined) {
      numbers.push(across(x + width) - numbers[0], down(y + height) - numbers[1]);
    }
    PLACES[shape.tagName].forEach((name, k) => shape.setAttribute(name, numbers[k]));
  }
}

// ---------------------------------------------------------------------------- what is where

/** A box as two intervals, with some room around it. */
const boxed = (x, y, width, height, room = 0) =>
  ({ x: [x - room, x + width + room], y: [y - room, y + height + room] });

function boxOfText(text) {
  const [x, y] = laidOut.get(text);
  const { width, height } = text.getBBox();
  const before = { start: 0, middle: 0.5, end: 1 }[getComputedStyle(text).textAnchor];
  return boxed(x - before * width, y - 0.8 * height, width, height, 4);
}

/** The box of a part, which its outline gives, or its text if it has none. */
function boxOfPart(g) {
  const [shape] = g.children;
  if (shape.tagName === "text") return boxOfText(shape);
  const [x, y, width, height] = laidOut.get(shape);
  if (shape.tagName === "rect") return boxed(x, y, width, height, RIM);
  const radius = shape.r.baseVal.value;
  return boxed(x - radius, y - radius, 2 * radius, 2 * radius, RIM);
}

/** The sides of a frame or of a cover. */
function sidesOf(outline) {
  const [x, y, width, height] = laidOut.get(outline);
  const sides = (from, length) =>
    [[from - RIM, from + 2], [from + length - 2, from + length + RIM]];
  return { x: sides(x, width), y: sides(y, height) };
}

/** What keeps its size and what is hidden, along both axes, and how large covers must be. */
function occupied() {
  const found = { solid: { x: [], y: [] }, hidden: { x: [], y: [] }, wanted: { x: [], y: [] } };
  const add = (kind, box) => AXES.forEach((axis) => found[kind][axis].push(box[axis]));
  AXES.forEach((axis) => found.solid[axis].push([-1, 0], [whole[axis], whole[axis] + 1]));
  const isHidden = (g) => g.classList.contains("inside");
  for (const g of partElements.values()) if (!isHidden(g)) add("solid", boxOfPart(g));
  for (const text of all(":is(.wire, .trunk, .caption) > text")) {
    const g = text.parentElement;
    const isSolid = !isHidden(g) && !g.classList.contains("bundle");
    if (g.matches(".caption")) found.solid.y.push(boxOfText(text).y);
    else add(isSolid ? "solid" : "hidden", boxOfText(text));
  }
  for (const frame of all("g.cluster:not(.inside)")) {
    const sides = sidesOf(frame.children[0]);
    const [x, y] = laidOut.get(frame.children[0]);
    const title = boxed(x, y, clusters.get(frame.dataset.scope).title_width + 40, 26);
    AXES.forEach((axis) => found.solid[axis].push(...sides[axis], title[axis]));
  }
  for (const [scope, cover] of covers) {
    if (isHidden(cover)) continue;
    const [x, y, width, height] = laidOut.get(cover.children[0]);
    const sides = sidesOf(cover.children[0]);
    AXES.forEach((axis) => found.solid[axis].push(...sides[axis]));
    add("hidden", boxed(x, y, width, height));
    found.wanted.x.push({ from: x, to: x + width, least: leastWidth(scope) });
    found.wanted.y.push({ from: y, to: y + height, least: COVER_SIZE.height });
  }
  return found;
}

const leastWidth = (scope) => lettersOf(scope) * COVER_SIZE.type + COVER_SIZE.width;
const AXES = ["x", "y"];
const whole = { x: size.width, y: size.height };

// ---------------------------------------------------------------------------------- the motion

/** After a scope was folded or unfolded: the picture anew, with that scope where it was. */
function rearrange(scope, isAnimated) {
  finishMotion();
  rememberShapes();
  const [before, seen] = [maps, view];
  const { solid, hidden, wanted } = occupied();
  maps = state.folded.size
    ? { x: shortened(solid.x, hidden.x, wanted.x), y: shortened(solid.y, hidden.y, wanted.y) }
    : { x: STILL, y: STILL };
  arrange(maps, maps, 1, scope);
  [size.width, size.height] = AXES.map((axis) => placed(maps[axis], whole[axis]));
  const [x, y] = laidOut.get(covers.get(scope).children[0]);
  const shift = AXES.map((axis, k) => placed(maps[axis], [x, y][k]) - placed(before[axis], [x, y][k]));
  if (isUntouched) adapt();
  else setView({ ...seen, x: seen.x + shift[0], y: seen.y + shift[1] });
  if (isAnimated && wireElements.length <= MOST_MOVED && !isStill.matches) {
    watch(before, seen, maps, view, scope);
  }
}

const isStill = matchMedia("(prefers-reduced-motion: reduce)");

/** The picture on its way from one arrangement to another. */
function arrange(before, after, share, scope) {
  const way = (axis) => (at) => two(
    placed(before[axis], at) * (1 - share) + placed(after[axis], at) * share);
  place(way("x"), way("y"));
  placeCovers(way("x"), way("y"), scope, share);
}

/** Show the way from what was seen to what is seen now; whatever anybody does ends it. */
function watch(before, seen, after, end, scope) {
  let start;
  const draw = (share) => {
    arrange(before, after, share, scope);
    const sides = Object.keys(end).map((side) =>
      [side, seen[side] * (1 - share) + end[side] * share]);
    setView(Object.fromEntries(sides));
  };
  const frame = (now) => {
    start ??= now;
    const share = Math.min((now - start) / MOTION, 1);
    draw(share * share * (3 - 2 * share));
    if (share < 1) request = requestAnimationFrame(frame);
    else finishMotion = () => {};
  };
  draw(0);
  let request = requestAnimationFrame(frame);
  finishMotion = () => {
    cancelAnimationFrame(request);
    finishMotion = () => {};
    draw(1);
  };
}

for (const event of ["pointerdown", "keydown", "wheel"]) {
  addEventListener(event, () => finishMotion(), { capture: true, passive: true });
}
