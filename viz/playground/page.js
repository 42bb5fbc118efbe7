// The page: controls, the address, and one frame after another while the model trains.

const model = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

const BUDGET = 9; // milliseconds of a frame in which steps are taken
const SLOW = 7; // milliseconds for all units at all places of the grid; then the grid is coarser
const SAY_EVERY = 5000; // milliseconds, for those who listen
const MOST_STEPS = 1e6;
const RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const NOISES = Array.from({ length: 26 }, (_, i) => i / 50);
const BATCHES = Array.from({ length: 17 }, (_, i) => 2 ** i);

const shown = (number) =>
  (Number.isFinite(number) ? String(Number(number.toPrecision(3))).replace("-", "−") : "∞");
const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
const mainClass = model.outputs - 1; // of two classes the second is that on the side of plus

const state = { isPlaying: false, goal: 0, looked: null, isScheduled: false, saidAt: 0 };
let settings, trainer, palette, field;
const plane = new Plane(byId("plane"), byId("points"));
const picture = model.network
  ? new NetworkPicture(byId("network"), model.network, look)
  : new Bars(byId("bars"), model.parameters.names);

// ----------------------------------------------------------------------------------- the address

/** What an address asks for; what it does not say, or says wrongly, is as the page begins. */
function settingsOf(hash) {
  const given = new URLSearchParams(hash.slice(1));
  const number = (name, normal, low, high) => {
    const found = given.has(name) ? Number(given.get(name)) : NaN;
    return Number.isFinite(found) ? Math.min(Math.max(found, low), high) : normal;
  };
  const whole = (...limits) => Math.round(number(...limits));
  const count = model.training.answers.length;
  return {
    rates: ratesOf(given.get("rate") ?? ""),
    batch: whole("batch", Math.min(model.batch, count), 1, count),
    noise: number("noise", 0, 0, 1),
    seed: whole("seed", 0, 0, 1e9),
    steps: whole("steps", 0, 0, MOST_STEPS),
  };
}

/** "0.3,120:0.1" is the learning rate 0.3, and from step 120 on 0.1. */
function ratesOf(text) {
  const rates = text.split(",").map((part) => {
    const [from, rate] = part.includes(":") ? part.split(":") : ["0", part];
    return [Number(from), Number(rate)];
  });
  const isRight = rates.every(([from, rate], i) =>
    Number.isInteger(from) && (i ? from > rates[i - 1][0] : from === 0)
    && rate > 0 && rate < Infinity);
  return isRight ? rates : [[0, model.rate]];
}

function address() {
  const [[, first], ...later] = settings.rates;
  const rate = [first, ...later.map(([from, then]) => `${from}:${then}`)].join(",");
  const { batch, noise, seed } = settings;
  return `#rate=${rate}&batch=${batch}&noise=${noise}&seed=${seed}&steps=${trainer.steps}`;
}

function writeAddress() {
  if (location.protocol === "about:") return; // a frame in a notebook has none
  if (location.hash !== address()) history.replaceState(null, "", address());
}

async function copyLink() {
  writeAddress();
  byId("link").value = location.href;
  try {
    await navigator.clipboard.writeText(location.href);
    byId("copied").textContent = "Copied";
  } catch { // not allowed here: the link is there to be copied by hand
    byId("link").hidden = false;
    byId("link").select();
    byId("copied").textContent = "Copy it from here";
  }
}

// ---------------------------------------------------------------------------------- the training

/** Begin anew with the present settings, and train as many steps as are wanted. */
function restart(steps = 0) {
  trainer = new Trainer(model, lossProgram, settings);
  state.goal = steps;
  setPlaying(false);
  drawPoints();
  showSettings();
  writeAddress();
  schedule();
}

function advance() {
  const wanted = state.isPlaying ? trainer.steps + Number(byId("speed").value) : state.goal;
  const end = performance.now() + BUDGET;
  while (trainer.steps < wanted && performance.now() < end && !stopReason()) trainer.step();
  if (state.isPlaying) state.goal = trainer.steps;
  if (stopReason()) state.goal = trainer.steps;
}

function stopReason() {
  if (trainer.hasDiverged) {
    return "The numbers became infinite. Reset, with a smaller learning rate.";
  }
  return trainer.steps >= MOST_STEPS ? "A million steps are enough." : "";
}

function setPlaying(isPlaying) {
  state.isPlaying = isPlaying;
  document.body.classList.toggle("playing", isPlaying);
  byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
}

function togglePlay() {
  setPlaying(!state.isPlaying && !stopReason());
  state.goal = trainer.steps;
  if (!state.isPlaying) pause();
  schedule();
}

function pause() {
  writeAddress();
  describeLoss();
}

function stepOnce() {
  if (state.isPlaying) setPlaying(false);
  state.goal = trainer.steps + 1;
  schedule();
}

// ---------------------------------------------------------------------------------- one frame

function schedule() {
  if (state.isScheduled) return;
  state.isScheduled = true;
  requestAnimationFrame(frame);
}

function frame(now) {
  state.isScheduled = false;
  const before = trainer.steps;
  advance();
  draw();
  if (state.isPlaying && stopReason()) setPlaying(false);
  const goesOn = state.isPlaying || trainer.steps < state.goal;
  if (!goesOn && trainer.steps !== before) pause();
  if (state.isPlaying && now - state.saidAt > SAY_EVERY) describeLoss(now);
  if (goesOn) schedule();
}

function draw() {
  if (plane.resize()) drawPoints();
  field.update(trainer.parameters);
  drawPlane();
  picture.update(trainer.parameters, field, palette);
  drawCurve(byId("curve"), trainer.history, palette);
  showNumbers();
}

function drawPlane() {
  const output = shownOutput();
  const isHidden = output < 0;
  const [shades, largest] = isHidden ? field.unit(state.looked.unit) : [field.answers(output), 0];
  plane.draw(shades, field.size, palette);
  showLegend(isHidden, output, largest);
}

function drawPoints() {
  const output = shownOutput();
  const side = output < 0 ? mainClass : output;
  plane.drawPoints(trainer.training, trainer.validation, side, palette);
}

/** Which of the model's outputs is shown; below 0 for a hidden unit. */
const shownOutput = () =>
  (state.looked ? state.looked.unit - (model.units - model.outputs) : mainClass);

/** Show a unit instead of the model's answer. */
function look(circle) {
  if (state.looked === circle) return;
  state.looked = circle;
  picture.show(circle);
  drawPoints();
  schedule();
}

// ---------------------------------------------------------------------------------- the numbers

/** What the shades and the line on the plane mean, and the numbers of the unit that is shown. */
function showLegend(isHidden, output, largest) {
  const { looked } = state;
  const [low, high] = isHidden ? [-largest, largest].map(shown) : endsOfAnswers(output);
  byId("what").textContent = `Output of ${looked ? looked.name : "the model"}`;
  byId("low").textContent = low;
  byId("high").textContent = high;
  byId("legend").classList.toggle("unit-shown", isHidden);
  const line = isHidden ? 0 : model.reading.kind === "numbers" ? model.reading.middle : null;
  byId("line").textContent = line === null ? "" : `line: ${shown(line)}`;
  byId("unit-numbers").textContent = looked ? picture.describe(looked, trainer.parameters) : "";
}

/** What the model's answer is at the two ends of the shades. */
function endsOfAnswers(output) {
  const { kind, middle, scale } = model.reading;
  if (kind === "numbers") return [middle - scale, middle + scale].map(shown);
  if (kind === "sides") return model.classes.map((name) => `class ${name}`);
  return [model.outputs === 2 ? `class ${1 - output}` : "others", `class ${output}`];
}

function showNumbers() {
  const [loss, aside] = trainer.losses();
  document.body.dataset.step = trainer.steps;
  byId("step-count").textContent = counted(trainer.steps, "step");
  byId("epoch-count").textContent = counted(Math.floor(trainer.steps / trainer.batches), "epoch");
  byId("loss").textContent = loss.toFixed(4);
  byId("aside").textContent = aside.toFixed(4);
  byId("right").textContent = share(trainer.training);
  byId("aside-right").textContent = trainer.validation ? share(trainer.validation) : "";
  byId("trouble").textContent = stopReason();
}

/** How many examples are told right, in percent; nothing for a regression. */
function share({ points, answers }) {
  if (model.reading.kind === "numbers") return "";
  const outputs = unitsProgram.value(points, taken(trainer.parameters, model.reads.units));
  const first = model.units - model.outputs;
  const isRight = (answer, i) => reader.isRight(outputs, i * model.units + first, answer);
  return `${((100 * answers.filter(isRight).length) / answers.length).toFixed(1)} %`;
}

function say(text) {
  byId("spoken").textContent = text;
}

function describeLoss(now = performance.now()) {
  state.saidAt = now;
  const [loss, aside] = trainer.losses();
  const more = Number.isFinite(aside) ? `, validation loss ${shown(aside)}` : "";
  say(`${counted(trainer.steps, "step")}: loss ${shown(loss)}${more}`);
}

// --------------------------------------------------------------------------------- the controls

/** A slider over a list of numbers, to which the present one is added if it is not there. */
class Choice {
  constructor(id, numbers, change) {
    Object.assign(this, { slider: byId(id), text: byId(`${id}-text`), numbers });
    this.slider.addEventListener("input", () => {
      this.label();
      change(this.numbers[Number(this.slider.value)]);
    });
  }

  set(number) {
    this.numbers = [...new Set([...this.numbers, number])].sort((one, other) => one - other);
    this.slider.max = this.numbers.length - 1;
    this.slider.value = this.numbers.indexOf(number);
    this.label();
  }

  label() {
    const text = String(this.numbers[Number(this.slider.value)]);
    this.text.textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
  }
}

const rateChoice = new Choice("rate", RATES, changeRate);
const batches = BATCHES.filter((size) => size <= model.training.answers.length);
const batchChoice = new Choice("batch", batches, (batch) => change({ batch }));
const noiseChoice = new Choice("noise", NOISES, (noise) => change({ noise }));

/** The learning rate changes from here on; everything else begins anew. */
function changeRate(rate) {
  const before = settings.rates.filter(([from]) => from < trainer.steps);
  settings.rates = [...before, [trainer.steps, rate]];
  trainer.settings = settings;
  writeAddress();
}

function change(changed) {
  Object.assign(settings, changed, { rates: [[0, trainer.rate]] });
  restart();
  describeLoss();
}

function showSettings() {
  rateChoice.set(trainer.rate);
  batchChoice.set(settings.batch);
  noiseChoice.set(settings.noise);
  byId("seed").value = settings.seed;
  byId("own").hidden = settings.seed !== 0;
}

function changeSeed() {
  const seed = Number(byId("seed").value);
  if (Number.isInteger(seed) && seed >= 0 && seed <= 1e9) change({ seed });
  else byId("seed").value = settings.seed;
}

function press(event) {
  const isOwn = /^(INPUT|SELECT|BUTTON|A|SUMMARY)$/.test(event.target.tagName);
  if (event.key === "Escape") return look(null);
  if (isOwn || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = { " ": togglePlay, ArrowRight: stepOnce, Home: () => change({}) }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

/** Colours and sizes are those of the screen, and may change while one looks. */
function refresh() {
  palette = new Palette();
  if (!trainer) return;
  plane.resize();
  drawPoints();
  schedule();
}

/** As fine a grid as can be worked out within a frame, once the programs are warm. */
function chooseField() {
  const parameters = Float64Array.from(model.parameters.numbers);
  for (const size of [64, 48, 32]) {
    field = new Field(size);
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      field.update(parameters);
      return performance.now() - start;
    });
    if (Math.min(...times) < SLOW) return;
  }
}

function load() {
  settings = settingsOf(location.hash);
  restart(settings.steps);
}

byId("play").addEventListener("click", togglePlay);
byId("step").addEventListener("click", stepOnce);
byId("reset").addEventListener("click", () => change({}));
byId("new").addEventListener("click", () => change({ seed: settings.seed + 1 }));
byId("seed").addEventListener("change", changeSeed);
byId("copy").addEventListener("click", copyLink);
addEventListener("keydown", press);
addEventListener("resize", refresh);
addEventListener("hashchange", load);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);

function hideUnless(isWanted, selector) {
  for (const part of document.querySelectorAll(selector)) part.hidden = !isWanted;
}

hideUnless(model.network, ".network");
hideUnless(!model.network, ".bars");
hideUnless(model.validation, ".validation");
hideUnless(model.reading.kind !== "numbers", ".classes");
byId("copy").hidden = location.protocol === "about:";
chooseField();
refresh();
load();
