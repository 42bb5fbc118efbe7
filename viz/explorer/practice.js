// Two things to do with a graph: predict the next number, and go down the gradient.

// ------------------------------------------------------------------------------------ predict first

const asked = { isOn: false, questions: [], right: 0, tried: 0 };

/** What must be known before a step is shown: the value of its gate, or each running gradient. */
function questionsOf(step) {
  const { phase, part: id, wires } = graph.steps[step];
  const part = parts.get(id);
  if (coverOf(id) || !part || part.several) return [];
  if (phase === "forward") {
    return [{ name: forwardRule(part)[0] ?? part.name, answer: numbers.values[nodeOf(part)] }];
  }
  return wires.filter((wire) => graph.wires[wire].edge).map((index) => {
    const wire = graph.wires[index];
    const [tail, head] = wire.edge;
    const before = runningTotal(step, wires, index);
    const flow = flowOf(wire);
    return {
      name: before === undefined ? slopeText(tail) : `${slopeText(tail)}, with what came before`,
      answer: (before ?? 0) + flow, flow, before, local: localOf(wire), above: gradientAtNode(head),
    };
  });
}

/** The gradient at the tail of a wire before it flows along this one; undefined if there is none. */
function runningTotal(until, wires, index) {
  const { tail } = graph.wires[index];
  let total;
  for (const [at, step] of graph.steps.slice(0, until + 1).entries()) {
    if (step.phase !== "backward" && step.phase !== "output") continue;
    for (const wire of step.wires) {
      if (at === until && wire === index) return total;
      if (graph.wires[wire].tail !== tail) continue;
      const end = parts.get(graph.wires[wire].head).shows;
      const own = nodeOf(parts.get(tail));
      const flow = end ? recorded.outputs.filter((output) => output === own).length
        : flowOf(graph.wires[wire]);
      total = (total ?? 0) + flow;
    }
  }
  return total;
}

/** Whether a number is the other, as far as digits are shown. */
const agree = (one, other) =>
  shown(one) === shown(other) || Math.abs(one - other) <= 0.5e-3 * Math.abs(other);

/** Where a wrong number comes from, in a sentence. */
function diagnosis(guess, { answer, flow, before, local, above }) {
  const is = (number) => number !== undefined && !agree(number, answer) && agree(guess, number);
  if (agree(-guess, answer) && answer) return "The size is right; look at the sign.";
  if (before !== undefined && is(flow)) {
    return "That is what comes along this wire. Another path brought a gradient before: add it.";
  }
  if (before !== undefined && is(before)) return "That is what was there before: add this path.";
  if (is(above)) return "That is the gradient at the gate: multiply it by the local derivative.";
  if (is(local)) return "That is the local derivative: multiply it by the gradient at the gate.";
  return "Not yet. Look at the operands on the wires that are lit.";
}

function ask() {
  const [question] = asked.questions;
  byId("question").textContent = `${question.name} = ?`;
  byId("guess").value = "";
  byId("remark").textContent = "";
  byId("quiz").hidden = false;
  document.body.classList.add("asking");
  byId("guess").focus();
}

function check() {
  const [question] = asked.questions;
  const guess = Number(byId("guess").value);
  if (!byId("guess").value.trim() || !Number.isFinite(guess)) {
    byId("remark").textContent = "Type a number, such as -0.5.";
    return;
  }
  asked.tried += 1;
  if (!agree(guess, question.answer)) {
    byId("remark").textContent = diagnosis(guess, question);
  } else {
    asked.right += 1;
    answered();
  }
  showScore();
}

/** Show the answer, which counts as a try; Check then goes on. */
function reveal() {
  const [question] = asked.questions;
  byId("guess").focus();
  if (question.isRevealed) return;
  question.isRevealed = true;
  asked.tried += 1;
  showScore();
  byId("guess").value = shown(question.answer);
  byId("remark").textContent = `It is ${shown(question.answer)}. Check goes on.`;
}

/** On to the next question of this step, or to the step itself. */
function answered() {
  asked.questions.shift();
  if (asked.questions.length) ask();
  else {
    stopAsking();
    goAndFollow(nextStop());
    askNext();
  }
}

function askNext() {
  if (!asked.isOn || state.step === finalStep()) return stopAsking();
  const next = nextStop();
  asked.questions = questionsOf(next);
  if (!asked.questions.length) return stopAsking();
  lightUp(stepsTogether(next));
  follow(next);
  return ask();
}

function stopAsking() {
  asked.questions = [];
  byId("quiz").hidden = true;
  document.body.classList.remove("asking");
}

function showScore() {
  byId("score").textContent = asked.tried ? `${asked.right} of ${asked.tried} right` : "";
}

function togglePrediction() {
  asked.isOn = !asked.isOn;
  byId("predict").setAttribute("aria-pressed", asked.isOn);
  pause();
  if (asked.isOn && state.step === finalStep()) goAndFollow(0);
  if (asked.isOn && !questionsOf(nextStop()).length) goAndFollow(nextStop());
  askNext();
}

// -------------------------------------------------------------------------------- gradient descent

const descent = { losses: [], still: new Set() };
const CURVE = { width: 240, height: 64 };

/** Chosen leaves against the gradient, by so much; a step that would leave the domain is undone. */
function descend() {
  const rate = byId("rate").valueAsNumber;
  if (!Number.isFinite(rate)) {
    byId("descended").textContent = "Type a step size, such as 0.1.";
    return;
  }
  if (failure) return;
  const leaves = graph.leaves.filter((id) => !descent.still.has(id));
  const before = leaves.map((id) => [id, numberAt(id)]);
  if (!descent.losses.length) descent.losses.push(loss());
  change(leaves.map((id) => [id, numberAt(id) - rate * gradientAtNode(parts.get(id).node)]));
  if (failure) {
    const { text } = failure;
    change(before);
    byId("descended").textContent = `The step was undone: ${text} Try a smaller one.`;
    return;
  }
  descent.losses.push(loss());
  goTo(finalStep());
  drawDescent();
}

const loss = () => recorded.outputs.reduce((sum, output) => sum + numbers.values[output], 0);

function drawDescent() {
  const { losses } = descent;
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const across = CURVE.width / Math.max(losses.length - 1, 1);
  const up = (CURVE.height - 8) / (high - low || 1);
  const point = (loss, i) =>
    `${(i * across).toFixed(1)},${(CURVE.height - 4 - (loss - low) * up).toFixed(1)}`;
  byId("curve").setAttribute("points", losses.map(point).join(" "));
  byId("descended").textContent = losses.length < 2 ? "" : `${counted(losses.length - 1, "step")}: `
    + `${recorded.of} from ${shown(losses[0])} to ${shown(losses.at(-1))}`;
}

function forgetDescent() {
  descent.losses = [];
  drawDescent();
}

function makeChoice(id) {
  const choice = element("label", "", ` ${keyOf(id)}`);
  const box = element("input");
  Object.assign(box, { type: "checkbox", checked: true });
  box.addEventListener("change", () => {
    if (box.checked) descent.still.delete(id);
    else descent.still.add(id);
  });
  choice.prepend(box);
  return choice;
}

function startPractice() {
  byId("predict").hidden = byId("descent").hidden = !recorded || !graph.leaves.length;
  if (!recorded) return;
  byId("predict").addEventListener("click", togglePrediction);
  byId("quiz").addEventListener("submit", (event) => {
    event.preventDefault();
    if (asked.questions[0].isRevealed) answered();
    else check();
  });
  byId("reveal").addEventListener("click", reveal);
  byId("choices").append(...graph.leaves.map(makeChoice));
  byId("descend").addEventListener("click", descend);
  byId("reset").addEventListener("click", forgetDescent);
}
