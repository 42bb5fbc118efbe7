// The network's own picture: a button with a small picture of the plane for each unit, and a line
// for each weight. A model of another kind has its parameters as bars instead.

const SVG = "http://www.w3.org/2000/svg";
const UNIT = 34; // the width of a unit, in the picture's own measure
const SMALL = 16; // pixels of the picture inside of a unit
const MOST_BARS = 200;
const THICKEST = 7;

function drawn(tag, attributes, parent) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

function element(tag, name, text = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

/** How thick a weight is drawn: it grows with its size, and has an end. */
const thickness = (weight) => 0.4 + (THICKEST - 0.4) * Math.tanh(Math.abs(weight) / 2.5);

class NetworkPicture {
  /** @param look called with the number of a unit that is pointed at, or null. */
  constructor(box, network, look) {
    Object.assign(this, { network, look });
    const { width, height, circles, lines } = network;
    box.style.aspectRatio = `${width} / ${height}`;
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, box);
    this.lines = lines.map(({ tail, head, weight }) => {
      const [from, to] = [circles[tail], circles[head]];
      const ends = { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
      return { weight, line: drawn("line", ends, svg), sign: null };
    });
    this.units = circles.map((circle) => this.unit(circle, box));
    box.addEventListener("pointerleave", () => look(null));
  }

  /** An input is a letter; a neuron is a button with a picture, and its bias is beside it. */
  unit(circle, box) {
    const isInput = circle.unit === null;
    const shape = isInput ? element("span", "input", circle.name) : element("button", "unit");
    shape.style.width = `${(100 * UNIT) / this.network.width}%`;
    this.place(shape, circle.x, circle.y, box);
    if (isInput) return { circle };
    const canvas = Object.assign(document.createElement("canvas"), { width: SMALL, height: SMALL });
    shape.append(canvas);
    shape.dataset.unit = circle.unit;
    shape.setAttribute("aria-label", `Show ${circle.name}`);
    shape.addEventListener("pointerenter", () => this.look(circle));
    shape.addEventListener("focus", () => this.look(circle));
    shape.addEventListener("blur", () => this.look(null));
    const bias = element("span", "bias");
    this.place(bias, circle.x + UNIT / 2, circle.y + UNIT / 2, box);
    return { circle, button: shape, canvas, bias };
  }

  place(shape, x, y, box) {
    shape.style.left = `${(100 * x) / this.network.width}%`;
    shape.style.top = `${(100 * y) / this.network.height}%`;
    box.append(shape);
  }

  update(parameters, field, palette) {
    for (const each of this.lines) {
      const weight = parameters[each.weight] ?? 0; // one that nothing depends on is no parameter
      each.line.style.strokeWidth = thickness(weight).toFixed(2);
      const sign = weight < 0 ? "negative" : "positive";
      if (sign !== each.sign) each.line.setAttribute("class", (each.sign = sign));
    }
    for (const { circle, canvas, bias } of this.units) {
      if (!canvas) continue;
      paint(canvas, field.unit(circle.unit, field.size / SMALL)[0], palette);
      const own = parameters[circle.bias] ?? 0;
      bias.classList.toggle("negative", own < 0);
      bias.style.scale = (0.3 + 0.7 * Math.tanh(Math.abs(own))).toFixed(2);
    }
  }

  /** The numbers of a unit, in words: its bias, and the weight of every unit before it. */
  describe(circle, parameters) {
    const { circles, lines } = this.network;
    const number = (place) => parameters[place]?.toFixed(2).replace("-", "−") ?? "0";
    const head = circles.indexOf(circle);
    const weights = lines.filter((line) => line.head === head).map((line) => number(line.weight));
    return `bias ${number(circle.bias)}, weights ${weights.join(", ")}`;
  }

  show(chosen) {
    for (const { circle, button } of this.units) {
      button?.classList.toggle("shown", circle === chosen);
    }
  }
}

/** Parameters, one below the other: a bar to the left or to the right of zero, and the number. */
class Bars {
  constructor(list, names) {
    this.rows = names.slice(0, MOST_BARS).map((name) => {
      const row = element("li", "");
      const bar = element("span", "bar");
      const [fill, number] = [element("i", "fill"), element("output", "number")];
      bar.append(fill);
      row.append(element("span", "name", name), bar, number);
      list.append(row);
      return { fill, number };
    });
    const more = names.length - this.rows.length;
    if (more) list.append(element("li", "quiet", `and ${more.toLocaleString("en")} more`));
  }

  update(parameters) {
    const largest = parameters.reduce((found, number) => Math.max(found, Math.abs(number)), 1e-12);
    this.rows.forEach(({ fill, number }, i) => {
      fill.style.width = `${(50 * Math.abs(parameters[i])) / largest}%`;
      fill.classList.toggle("negative", parameters[i] < 0);
      number.textContent = parameters[i].toFixed(3).replace("-", "−");
    });
  }

  show() {} // there are no units
}
