// Training without a page: random numbers, batches, steps of gradient descent, and the losses.
//
// Everything is a function of the settings, so that the same address shows the same again, and a
// program in another language that follows the same rules computes the same numbers:
//   - random numbers are those of mulberry32, by Tommy Ettinger, whose state has 32 bits; there are
//     three streams, of the seeds 3 s (order), 3 s + 1 (weights), and 2 (noise, whatever s is);
//   - an epoch meets every example once, in the order of Fisher and Yates, from the last place down;
//   - its batches are as equal as they can be, the first ones larger by one;
//   - a step subtracts from each parameter the learning rate × the mean gradient of the batch.

/** A function that gives numbers from 0 to below 1. */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A standard normal deviate, by Box and Muller. */
const normal = (random) =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const streams = {
  order: (seed) => randomNumbers(3 * seed),
  weights: (seed) => randomNumbers(3 * seed + 1),
  noise: () => randomNumbers(2),
};

/** The numbers from 0 to count - 1 in random order. */
function shuffled(count, random) {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Where a batch of an epoch begins; the batch after the last begins at the end. */
function batchStart(batch, batches, count) {
  const rest = count % batches;
  return batch * Math.floor(count / batches) + Math.min(batch, rest);
}

/** Points that are moved by normal deviates. */
function withNoise(points, deviation, random) {
  if (!deviation) return Float64Array.from(points);
  return Float64Array.from(points, (x) => x + deviation * normal(random));
}

/** The parameters at the start: the model's own for the seed 0, others for other seeds. */
function firstParameters({ numbers, middles, deviations }, seed) {
  if (seed === 0) return Float64Array.from(numbers);
  const random = streams.weights(seed);
  return Float64Array.from(middles, (middle, i) => middle + deviations[i] * normal(random));
}

/** A copy of the numbers at some places. */
const taken = (numbers, places) => Float64Array.from(places, (place) => numbers[place]);

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** A model in training. */
class Trainer {
  /**
   * @param model what the page knows: training, validation, parameters, reads, outputs, plane.
   * @param program the loss, an object with value and value_and_grad.
   * @param settings rates, a list of [from which step, learning rate]; batch, noise and seed.
   */
  constructor(model, program, settings) {
    Object.assign(this, { model, program, settings });
    const random = streams.noise();
    const noisy = (examples) => examples && {
      ...examples,
      points: withNoise(examples.points, settings.noise * model.plane.half, random),
    };
    this.training = noisy(model.training);
    this.validation = noisy(model.validation);
    this.count = this.training.answers.length;
    this.batches = Math.ceil(this.count / settings.batch);
    this.parameters = firstParameters(model.parameters, settings.seed);
    this.random = streams.order(settings.seed);
    this.steps = 0;
    this.history = new LossHistory();
    this.remember();
  }

  get rate() {
    return this.settings.rates.findLast(([from]) => from <= this.steps)[1];
  }

  /** One step of gradient descent on the next batch. */
  step() {
    const batch = this.steps % this.batches;
    if (batch === 0) this.order = shuffled(this.count, this.random);
    const [start, end] = [batch, batch + 1].map((b) => batchStart(b, this.batches, this.count));
    const { gradient } = this.program.value_and_grad(...this.examples(start, end));
    const size = this.rate / (end - start);
    this.model.reads.loss.forEach((place, i) => {
      this.parameters[place] -= size * gradient.parameters[i];
    });
    this.steps += 1;
    if (this.history.isDue(this.steps)) this.remember();
  }

  /** Points and targets of some of the examples in their order, and the parameters. */
  examples(start, end) {
    const { points, targets } = this.training;
    const wide = this.model.outputs;
    const batch = new Float64Array(2 * (end - start));
    const answers = new Float64Array(wide * (end - start));
    for (let i = 0; i < end - start; i++) {
      const from = this.order[start + i];
      for (let k = 0; k < 2; k++) batch[2 * i + k] = points[2 * from + k];
      for (let k = 0; k < wide; k++) answers[wide * i + k] = targets[wide * from + k];
    }
    return [batch, answers, taken(this.parameters, this.model.reads.loss)];
  }

  /** The mean loss of the training examples, and of those aside, or NaN. */
  losses() {
    const own = taken(this.parameters, this.model.reads.loss);
    const mean = ({ points, targets, answers }) =>
      sum(this.program.value(points, targets, own)) / answers.length;
    return [mean(this.training), this.validation ? mean(this.validation) : NaN];
  }

  remember() {
    this.history.add(this.steps, ...this.losses());
  }

  get hasDiverged() {
    return !this.parameters.every(Number.isFinite);
  }
}

/** Losses at even distances: when it is full, every second one is dropped. */
class LossHistory {
  constructor(most = 400) {
    Object.assign(this, { most, every: 1, rows: [] });
  }

  isDue(step) {
    return step % this.every === 0;
  }

  add(step, loss, aside) {
    this.rows.push([step, loss, aside]);
    if (this.rows.length <= this.most) return;
    this.every *= 2;
    this.rows = this.rows.filter(([at]) => this.isDue(at));
  }
}
