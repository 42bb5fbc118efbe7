// The part of the picture that is seen: it is moved and zoomed by its viewBox.

const picture = document.querySelector("main > svg");
const size = { width: picture.viewBox.baseVal.width, height: picture.viewBox.baseVal.height };
const LEGIBLE = 0.75; // pixels for a unit of the picture
const READABLE = 0.9;
const LARGEST = 2;
let view = { x: 0, y: 0, ...size };
let isUntouched = true;

function setView(wanted) {
  view = wanted;
  picture.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  picture.dispatchEvent(new Event("viewchange"));
}

const pixelsPerUnit = () =>
  Math.min(picture.clientWidth / view.width, picture.clientHeight / view.height) || 1;

/** All of the picture, no larger than it should be. */
function fit() {
  const [width, height] = [picture.clientWidth, picture.clientHeight];
  if (!width || !height) return 1; // not shown yet
  const scale = Math.min(width / size.width, height / size.height, LARGEST);
  setView({ x: 0, y: 0, width: width / scale, height: height / scale });
  keepInside();
  return scale;
}

/** All of it if it can be read then, else its beginning; the steps lead on from there. */
function startView() {
  const scale = fit();
  if (scale < LEGIBLE) zoom(scale / READABLE, { x: 0, y: size.height / 2 });
}

/** No more empty space around the picture than there must be. */
function keepInside() {
  const inside = (start, seen, whole) =>
    seen >= whole ? (whole - seen) / 2 : Math.min(Math.max(start, 0), whole - seen);
  const x = inside(view.x, view.width, size.width);
  setView({ ...view, x, y: inside(view.y, view.height, size.height) });
}

const middle = () => ({ x: view.x + view.width / 2, y: view.y + view.height / 2 });
const toGraph = ({ x, y }) => new DOMPoint(x, y).matrixTransform(picture.getScreenCTM().inverse());

/** Zoom about a point of the picture, which stays where it is. */
function zoom(by, { x, y }) {
  const largest = 4 * Math.max(size.width, size.height);
  const scale = Math.min(Math.max(by, 40 / view.width), largest / view.width);
  setView({
    x: x + (view.x - x) * scale,
    y: y + (view.y - y) * scale,
    width: view.width * scale,
    height: view.height * scale,
  });
}

/** Move the picture so that what is at one point of the window comes to another. */
function move(from, to) {
  const [start, end] = [toGraph(from), toGraph(to)];
  setView({ ...view, x: view.x + start.x - end.x, y: view.y + start.y - end.y });
}

/** Move the picture until an element is seen, and those around it that there is room for. */
function bringIntoView(element, ...others) {
  const frame = picture.getBoundingClientRect();
  const [first, ...rest] = [element, ...others].map((shape) => shape.getBoundingClientRect());
  const away = (box) => distance(centre(box), centre(first));
  rest.sort((one, other) => away(one) - away(other));
  const box = rest.reduce((found, other) => {
    const both = union(found, other);
    return both.width <= frame.width && both.height <= frame.height ? both : found;
  }, first);
  const isSeen = box.left >= frame.left && box.right <= frame.right
    && box.top >= frame.top && box.bottom <= frame.bottom;
  if (isSeen || !frame.width || !frame.height) return;
  move(centre(box), centre(frame));
  keepInside();
}

const centre = ({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 });

function union(one, other) {
  const [x, y] = [Math.min(one.x, other.x), Math.min(one.y, other.y)];
  const [right, bottom] = [Math.max(one.right, other.right), Math.max(one.bottom, other.bottom)];
  return new DOMRect(x, y, right - x, bottom - y);
}

// One pointer moves the picture, two zoom it; a click that moved is none.
const pointers = new Map();
let wasDragged = false;
const distance = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);

function press({ pointerId, clientX, clientY }) {
  if (!pointers.size) wasDragged = false;
  pointers.set(pointerId, { x: clientX, y: clientY });
}

function drag({ pointerId, clientX, clientY }) {
  const before = pointers.get(pointerId);
  const now = { x: clientX, y: clientY };
  if (!before || (distance(before, now) < 4 && !wasDragged)) return;
  wasDragged = true;
  isUntouched = false;
  const other = [...pointers].find(([id]) => id !== pointerId)?.[1];
  if (other) zoom((distance(before, other) || 1) / (distance(now, other) || 1), toGraph(other));
  else move(before, now);
  pointers.set(pointerId, now);
}

function zoomBy(by, at = middle()) {
  isUntouched = false;
  zoom(by, at);
}

/** Zoom; within a notebook the wheel is for the notebook, unless Ctrl is held (or fingers spread). */
function turnWheel(event) {
  if (parent !== window && !event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  zoomBy(Math.exp(event.deltaY / 500), toGraph({ x: event.clientX, y: event.clientY }));
}

picture.addEventListener("wheel", turnWheel, { passive: false });
picture.addEventListener("pointerdown", press);
addEventListener("pointermove", drag);
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, ({ pointerId }) => pointers.delete(pointerId));
}
