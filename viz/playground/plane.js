// The plane: what a unit or the whole model gives at every place, as shades, with the points on it.

const STRENGTH = 0.45; // of the hue where a shade is full, so that points stand out
const LEVELS = 128; // of shades on either side

/** A shade from -1 to 1 for an output of the model. */
const reader = {
  /** How far outputs are on the side of a class, or above the middle. */
  margin(outputs, start, shown) {
    if (model.outputs === 1) return outputs[start] - model.reading.middle;
    let other = -Infinity;
    for (let i = 0; i < model.outputs; i++) {
      if (i !== shown) other = Math.max(other, outputs[start + i]);
    }
    return outputs[start + shown] - other;
  },
  shade(margin) {
    const { are_scores, scale } = model.reading;
    return are_scores ? Math.tanh(margin / 2) : Math.max(-1, Math.min(1, margin / scale));
  },
  /** The shade that an example ought to have. */
  answer(answer, shown) {
    const { kind, middle, scale } = model.reading;
    if (kind === "sides") return answer;
    return kind === "classes" ? (answer === shown ? 1 : -1) : (answer - middle) / scale;
  },
  isRight(outputs, start, answer) {
    if (model.outputs === 1) return outputs[start] > model.reading.middle === answer > 0;
    return this.margin(outputs, start, answer) > 0;
  },
};

/** Shades as pixels: an opaque mixture of the page's background with one of the two hues. */
class Palette {
  constructor() {
    const style = getComputedStyle(document.documentElement);
    this.named = (name) => style.getPropertyValue(`--${name}`).trim();
    const [background, below, above] = ["background", "negative", "positive"].map((name) =>
      channels(this.named(name)));
    this.pixels = Uint32Array.from({ length: 2 * LEVELS + 1 }, (_, i) => {
      const shade = (i - LEVELS) / LEVELS;
      const part = Math.abs(shade) * STRENGTH;
      const hue = shade < 0 ? below : above;
      const [red, green, blue] = background.map((from, k) => from + (hue[k] - from) * part);
      return (255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red);
    });
  }

  pixel(shade) {
    return this.pixels[Math.round((Number.isFinite(shade) ? shade : 0) * LEVELS) + LEVELS];
  }
}

const channels = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));

/** Every unit's output at the places of a grid, worked out at once by the compiled program. */
class Field {
  constructor(size) {
    this.size = size;
    const [[left, bottom], [right, top]] = [model.plane.low, model.plane.high];
    this.places = new Float64Array(2 * size * size);
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        const at = 2 * (row * size + column);
        this.places[at] = left + ((column + 0.5) / size) * (right - left);
        this.places[at + 1] = top - ((row + 0.5) / size) * (top - bottom);
      }
    }
  }

  update(parameters) {
    this.outputs = unitsProgram.value(this.places, taken(parameters, model.reads.units));
  }

  /** The shades of the model's answer. */
  answers(shown) {
    const first = model.units - model.outputs;
    return this.shades((at) => reader.shade(reader.margin(this.outputs, at + first, shown)));
  }

  /** The shades of a unit, full where its output is farthest from 0, and how far that is. */
  unit(unit, every = 1) {
    let largest = 0;
    for (let at = unit; at < this.outputs.length; at += model.units) {
      largest = Math.max(largest, Math.abs(this.outputs[at]));
    }
    return [this.shades((at) => this.outputs[at + unit] / (largest || 1), every), largest];
  }

  /** Shades at the places of the grid, or in every second row and column, and so on. */
  shades(shadeAt, every = 1) {
    const side = this.size / every;
    const shades = new Float64Array(side * side);
    for (let row = 0, i = 0; row < side; row++) {
      for (let column = 0; column < side; column++, i++) {
        shades[i] = shadeAt((row * this.size + column) * every * model.units);
      }
    }
    return shades;
  }
}

/** Draw shades on a canvas that has a pixel for each. */
function paint(canvas, shades, palette) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = palette.pixel(shades[i]);
  context.putImageData(image, 0, 0);
}

/** Draw the line along which shades change their sign, square by square; none around a plateau. */
function drawBoundary(context, shades, size, scale) {
  context.beginPath();
  for (let row = 0; row + 1 < size; row++) {
    for (let column = 0; column + 1 < size; column++) {
      const at = row * size + column;
      const corners = [shades[at], shades[at + 1], shades[at + size + 1], shades[at + size]];
      const crossed = crossings(corners);
      for (let i = 0; i + 1 < crossed.length; i += 2) {
        const [[x, y], [toX, toY]] = [crossed[i], crossed[i + 1]];
        context.moveTo((column + x + 0.5) * scale, (row + y + 0.5) * scale);
        context.lineTo((column + toX + 0.5) * scale, (row + toY + 0.5) * scale);
      }
    }
  }
  context.stroke();
}

const CORNERS = [[0, 0], [1, 0], [1, 1], [0, 1]];

/** Where the sides of a unit square are crossed: none, two or four places. */
function crossings(corners) {
  const found = [];
  for (let i = 0; i < 4; i++) {
    const [here, there] = [corners[i], corners[(i + 1) % 4]];
    if (here * there >= 0) continue;
    const part = here / (here - there);
    const [[x, y], [toX, toY]] = [CORNERS[i], CORNERS[(i + 1) % 4]];
    found.push([x + (toX - x) * part, y + (toY - y) * part]);
  }
  return found;
}

/** The large picture: two canvases, since the points move less often than what is below them. */
class Plane {
  constructor(below, above) {
    Object.assign(this, { below, above, small: document.createElement("canvas") });
  }

  /** Give the canvases as many pixels as the screen has for them; whether that was new. */
  resize() {
    const side = Math.round(this.below.clientWidth * devicePixelRatio);
    if (this.below.width === side || !side) return false;
    for (const canvas of [this.below, this.above]) canvas.width = canvas.height = side;
    return true;
  }

  draw(shades, size, palette) {
    const context = this.below.getContext("2d");
    const side = this.below.width;
    if (this.small.width !== size) this.small.width = this.small.height = size;
    paint(this.small, shades, palette);
    context.imageSmoothingQuality = "high";
    context.drawImage(this.small, 0, 0, side, side);
    context.strokeStyle = palette.named("ink");
    context.lineWidth = 1.5 * devicePixelRatio;
    drawBoundary(context, shades, size, side / size);
  }

  /** Examples to learn from are filled, those aside outlines; those below the middle are square. */
  drawPoints(training, validation, shown, palette) {
    const context = this.above.getContext("2d");
    context.clearRect(0, 0, this.above.width, this.above.width);
    const colors = ["gradient", "value", "background"].map(palette.named);
    for (const [examples, isFilled] of [[validation, false], [training, true]]) {
      examples?.answers.forEach((answer, i) => {
        const isAbove = reader.answer(answer, shown) > 0;
        const [x, y] = this.pixel(examples.points[2 * i], examples.points[2 * i + 1]);
        drawPoint(context, x, y, isAbove, isFilled, colors[Number(isAbove)], colors[2]);
      });
    }
  }

  pixel(x, y) {
    const [[left, bottom], [right, top]] = [model.plane.low, model.plane.high];
    const side = this.above.width;
    return [((x - left) / (right - left)) * side, ((top - y) / (top - bottom)) * side];
  }
}

function drawPoint(context, x, y, isRound, isFilled, color, around) {
  const size = 3.6 * devicePixelRatio;
  context.beginPath();
  if (isRound) context.arc(x, y, size, 0, 2 * Math.PI);
  else context.rect(x - 0.86 * size, y - 0.86 * size, 1.72 * size, 1.72 * size);
  context.fillStyle = isFilled ? color : around;
  context.strokeStyle = isFilled ? around : color;
  context.lineWidth = (isFilled ? 1 : 1.4) * devicePixelRatio;
  context.fill();
  context.stroke();
}
