// Wires to and from a folded scope end at its cover, which is only as large as its words.

const HEAD = 9; // the length of an arrow's head
const BEND = 24; // from a frame to where a wire is as it was
const SPREAD = 14; // between the ends of two wires, if there is room

/** The frame of a scope as it lies now. */
function frameOf(scope, across, down) {
  const [x, y, width, height] = laidOut.get(covers.get(scope).children[0]);
  const [left, top] = [across(x), down(y)];
  return { left, top, right: across(x + width), bottom: down(y + height) };
}

/** Whether a point is in a box or near it. */
const isIn = ({ left, top, right, bottom }, [x, y], room) =>
  left - room <= x && x <= right + room && top - room <= y && y <= bottom + room;

/** The paths that go into a folded scope or come from it, each with the part outside of its frame. */
function crossing(scope, frame, across, down) {
  const found = [];
  const add = (g, isInto) => {
    if (g.classList.contains("inside")) return;
    const path = g.querySelector("path");
    const isBundle = g.classList.contains("bundle"); // has no label that it would lead past
    const points = [...laidOut.get(path).matchAll(PAIR)].map(([, x, y]) =>
      [across(Number(x)), down(Number(y))]);
    const outsideBy = (room) => {
      const isOutside = (point, i) => i % 3 === 0 && !isIn(frame, point, room);
      return isInto ? points.findLastIndex(isOutside) : points.findIndex(isOutside);
    };
    const known = isBundle ? [0] : [BEND, 1].map(outsideBy);
    const end = known.find((at) => at >= 0) ?? (isInto ? 0 : points.length - 1);
    const outside = isInto ? points.slice(0, end + 1) : points.slice(end);
    found.push({ g, path, isInto, outside, from: points[end] });
  };
  graph.wires.forEach(({ tail, head }, i) => {
    const [from, to] = [coverOf(tail), coverOf(head)];
    if (from && to) return; // see between()
    if (to === scope) add(wireElements[i], true);
    else if (from === scope) add(wireElements[i], false);
  });
  return found;
}

/** The cover of a scope: within the frame, level with the wires that it is for. */
function boxOf(scope, frame, wires) {
  const width = Math.min(frame.right - frame.left, leastWidth(scope));
  const height = Math.min(frame.bottom - frame.top,
    Math.max(COVER_SIZE.height, (wires.length / 2) * SPREAD));
  const level = wires.reduce((sum, { from }) => sum + from[1], 0) / (wires.length || 1);
  const top = wires.length ? level - height / 2 : frame.top;
  const left = (frame.left + frame.right - width) / 2;
  const kept = Math.min(Math.max(top, frame.top), frame.bottom - height);
  return { left, top: kept, right: left + width, bottom: kept + height };
}

/** The side of a box that a point lies beyond. */
function sideOf({ left, top, right }, [x, y]) {
  if (x <= left) return "left";
  if (x >= right) return "right";
  return y <= top ? "top" : "bottom";
}

/** Lead wires to the sides of a box, in the order in which they come. */
function lead(wires, box) {
  const sides = Object.groupBy(wires, ({ from }) => sideOf(box, from));
  for (const [side, those] of Object.entries(sides)) {
    const along = side === "left" || side === "right" ? 1 : 0;
    const [start, end] = along ? [box.top, box.bottom] : [box.left, box.right];
    those.sort((one, other) => one.from[along] - other.from[along]);
    those.forEach((wire, i) => {
      const place = start + ((i + 1) / (those.length + 1)) * (end - start);
      join(wire, along ? [box[side], place] : [place, box[side]], along);
    });
  }
}

/** Draw a wire from where it is outside to its end at a cover, or back. */
function join({ g, path, isInto, outside, from }, end, along) {
  const arrow = isInto ? g.querySelector("polygon") : null;
  const outwards = Math.sign(from[1 - along] - end[1 - along]) || -1;
  const stop = end.with(1 - along, end[1 - along] + (arrow ? outwards * (HEAD - 1) : 0));
  const middle = (from[1 - along] + stop[1 - along]) / 2;
  const bend = [from.with(1 - along, middle), stop.with(1 - along, middle)];
  const points = isInto ? [...outside, ...bend, stop] : [stop, ...bend.toReversed(), ...outside];
  const texts = points.map((point) => point.map(two).join(","));
  path.setAttribute("d", `M${texts[0]}C${texts.slice(1).join(" ")}`);
  if (!arrow) return;
  const base = end[1 - along] + outwards * HEAD;
  const corners = [-1, 1].map((side) =>
    end.with(1 - along, base).with(along, end[along] + side * 0.42 * HEAD));
  arrow.setAttribute("points", [corners[0], end, corners[1]].map((at) => at.map(two)).join(" "));
}

/** Lead the wires from one cover to another. */
function between(boxes) {
  graph.wires.forEach(({ tail, head }, i) => {
    const g = wireElements[i];
    const [from, to] = [boxes.get(coverOf(tail)), boxes.get(coverOf(head))];
    if (!from || !to || from === to || g.classList.contains("inside")) return;
    const along = from.right <= to.left ? 1 : 0;
    const middle = ({ left, top, right, bottom }) => (along ? top + bottom : left + right) / 2;
    const [start, end] = along
      ? [[from.right, middle(from)], [to.left, middle(to)]]
      : [[middle(from), from.bottom], [middle(to), to.top]];
    const path = g.querySelector("path");
    join({ g, path, isInto: true, outside: [start], from: start }, end, along);
  });
}

/** All covers with their wires; one may be on its way from the whole of its frame. */
function placeCovers(across, down, shrinking, share) {
  const boxes = new Map();
  for (const [scope, cover] of covers) {
    if (cover.classList.contains("inside")) continue;
    const frame = frameOf(scope, across, down);
    const wires = crossing(scope, frame, across, down);
    const small = boxOf(scope, frame, wires);
    const part = scope === shrinking ? share : 1;
    const side = (name) => two(frame[name] * (1 - part) + small[name] * part);
    const box = { left: side("left"), top: side("top"), right: side("right"), bottom: side("bottom") };
    const [x, y] = [box.left, box.top];
    const sides = { x, y, width: two(box.right - x), height: two(box.bottom - y) };
    for (const [name, number] of Object.entries(sides)) cover.children[0].setAttribute(name, number);
    lead(wires, box);
    boxes.set(scope, box);
  }
  between(boxes);
}
