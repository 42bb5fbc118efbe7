// The replay: every number and text of the page again, from other numbers of the leaves. Python
// gives the graph as data, RULES is its table, and the chain rule is here once.

const recorded = graph.replay; // null if the page does not compute
const FEW = 6;

const written = new Map(); // numbers as they are shown, since most are shown more than once

function shown(number) {
  if (!written.has(number)) written.set(number, formatNumber(number === 0 ? 0 : number, graph.number));
  return written.get(number);
}

const isConstant = (node) => recorded.nodes[node][0] !== null
  && recorded.operations[recorded.nodes[node][0]] === "constant";
const nameOfNode = (node) =>
  isConstant(node) ? shown(numbers.values[node]) : recorded.names[node];
const slopeText = (node) => `∂${recorded.of}/∂${nameOfNode(node)}`;

/** The numbers to start from; a leaf is [null, number], a constant [its operation, number]. */
function startingNumbers() {
  const isGiven = ([, i]) => isLeaf(i);
  return new Map(recorded.nodes.map((node, i) => [node, i]).filter(isGiven)
    .map(([node, i]) => [i, Number(node[1])]));
}

let numbers = null; // the values, local derivatives and gradients of all nodes
let failure = null; // where a value does not exist, and why

const isLeaf = (node) => recorded.nodes[node][0] === null || isConstant(node);

/** Forward and backward: values and local derivatives, then gradients by the chain rule. */
function replayNumbers(given) {
  const { nodes, operations, outputs } = recorded;
  const values = [];
  const slopes = [];
  failure = null;
  for (const [i, [operation, ...operands]] of nodes.entries()) {
    if (isLeaf(i)) {
      values[i] = given.get(i);
      slopes[i] = [];
    }
    if (isLeaf(i) || failure) continue; // leaves have their numbers all the same
    const rule = RULES[operations[operation]];
    const at = operands.map((operand) => values[operand]);
    const y = rule.value(...at);
    if (!Number.isFinite(y) && at.every(Number.isFinite)) {
      failure = { node: i, text: failureText(operations[operation], rule, operands, at, y) };
      continue;
    }
    values[i] = y;
    const local = rule.all ? rule.all(y, ...at) : rule.slopes.map((slope) => slope?.(y, ...at));
    slopes[i] = local.map((slope, k) =>
      (slope === undefined ? null : isConstant(operands[k]) ? 0 : slope)); // null where flat
  }
  const gradients = nodes.map(() => undefined); // that nothing reaches stays so
  if (!failure) {
    for (const output of outputs) gradients[output] = (gradients[output] ?? 0) + 1;
    for (let i = nodes.length - 1; i >= 0; i -= 1) {
      if (gradients[i] === undefined || isLeaf(i)) continue;
      nodes[i].slice(1).forEach((operand, k) => {
        if (slopes[i][k] === null) return; // flat: no edge in the chain rule
        gradients[operand] = (gradients[operand] ?? 0) + slopes[i][k] * gradients[i];
      });
    }
  }
  numbers = { values, slopes, gradients };
}

const isPoleOfGamma = (a) => a <= 0 && a % 1 === 0;
const POLES = {
  divide: (a, b) => b === 0, power: (a) => a === 0, lgamma: isPoleOfGamma, digamma: isPoleOfGamma,
  polygamma: (n, a) => isPoleOfGamma(a),
};

/** Whether a result that is not finite is only too large; other functions are so only outside. */
const isTooLarge = (name, { domain }, at, y) =>
  !domain || (!Number.isNaN(y) && name in POLES && !POLES[name](...at));

/** As Python notes it: the operation, its operands with their names, and where it is defined. */
function failureText(name, rule, operands, at, y) {
  const { domain, slopes } = rule;
  const shownOperands = operands.slice(0, 4).map((operand, k) => {
    const called = isConstant(operand) ? "" : recorded.names[operand];
    return called ? `${called} = ${shown(at[k])}` : shown(at[k]);
  });
  const more = operands.length > 4 ? `, ... ${operands.length} operands` : "";
  const where = `${name}(${shownOperands.join(", ")}${more})`;
  if (isTooLarge(name, rule, at, y)) return `The result of ${where} is too large.`;
  const letters = ["a", "b", "c"].slice(0, slopes?.length ?? 1).join(", ");
  return `${where} has no value: ${name}(${letters}) is defined for ${domain}.`;
}

const nodeOf = (part) => part.node ?? part.result; // undefined for several
const gradientAtNode = (node) => numbers.gradients[node] ?? 0;

/** ∂head/∂tail through the nodes inside of a gate, added up over all paths. */
function slopeThrough(head, tail, inside) {
  const found = new Map([[head, 1]]);
  for (const node of inside.toReversed()) {
    const adjoint = found.get(node);
    if (adjoint === undefined) continue;
    recorded.nodes[node].slice(1).forEach((operand, k) => {
      const slope = numbers.slopes[node][k];
      if (slope !== null) found.set(operand, (found.get(operand) ?? 0) + slope * adjoint);
    });
  }
  return found.get(tail) ?? 0;
}

/** ∂end/∂start over every path of the whole graph. */
function sumOverPaths(start, end) {
  return slopeThrough(end, start, [...recorded.nodes.keys()].slice(start, end + 1).filter(
    (node) => !isLeaf(node)));
}

const localOf = ({ edge: [tail, head, slot], inside }) =>
  inside ? slopeThrough(head, tail, inside) : numbers.slopes[head][slot] ?? 0;

const isFlat = ({ edge: [, head, slot], inside }) => !inside && numbers.slopes[head][slot] === null;

// ------------------------------------------------------------------------------------ the texts

/** A template of the table with names or numbers in its places. */
function filled(template, texts) {
  return template.replace(/\{([(^])?(\d+|y)\)?\}/g, (_, mark, place) => {
    const text = texts[place];
    if (mark === "^" && /^\d+$/.test(text)) {
      return [...text].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("");
    }
    const isCompound = text.startsWith("-") || text.includes(" ");
    return (mark === "^" ? "^" : "") + (mark && isCompound ? `(${text})` : text);
  });
}

/** An operation, or a gate, on operands called so. */
function formulaOf(part, node, texts) {
  const [operation] = recorded.nodes[node];
  const rule = RULES[recorded.operations[operation]];
  const symbol = part.symbol ?? rule.symbol;
  if (part.symbol && texts.length <= FEW) return `${symbol}(${texts.join(", ")})`;
  const template = !part.symbol
    && (rule.formula ?? rule.formulas[texts.length] ?? rule.many?.(texts.length));
  return template ? filled(template, texts) : `${symbol} of ${texts.length} operands`;
}

const operandsOf = (part) => part.operands ?? recorded.nodes[part.node].slice(1);

/** The rule of a local derivative, in names. */
function ruleOf({ edge: [tail, head, slot], inside }) {
  if (inside) return `∂${nameOfNode(head)}/∂${nameOfNode(tail)}`;
  const [operation, ...operands] = recorded.nodes[head];
  const rule = RULES[recorded.operations[operation]];
  const at = operands.map((operand) => numbers.values[operand]);
  const template = rule.place ? rule.place(slot, operands.length)
    : rule.places[slot](numbers.values[head], ...at);
  return filled(template, { ...operands.map(nameOfNode), y: nameOfNode(head) });
}

/** A factor in parentheses if it is negative, a sum or a quotient. */
function asFactor(text) {
  const outside = text.split("(")[0];
  const isCompound = text.startsWith("-") || [" + ", " - ", " / "].some((sign) =>
    outside.includes(sign));
  return isCompound ? `(${text})` : text;
}

function forwardRule(part) {
  const node = nodeOf(part);
  const value = shown(numbers.values[node]);
  if (part.node === undefined) return [null, null, value]; // in words, which stay
  const operands = operandsOf(part);
  const inNames = formulaOf(part, node, operands.map(nameOfNode));
  const inNumbers = formulaOf(part, node, operands.map((i) => shown(numbers.values[i])))
    .replace(/^\((-[^() ]*)\)(?= )/, "$1");
  const isSaid = inNumbers === inNames || inNumbers === value;
  return [`${nameOfNode(node)} = ${inNames}`, isSaid ? value : `${inNumbers} = ${value}`, ""];
}

function startRule(step) {
  const given = step.values.map((id) => parts.get(id))
    .filter(({ node }) => node !== undefined && !isConstant(node))
    .map(({ node }) => `${nameOfNode(node)} = ${shown(numbers.values[node])}`);
  const more = given.length > FEW ? ` and ${(given.length - FEW).toLocaleString("en")} more` : "";
  const listed = given.slice(0, FEW).join(", ") + more;
  return given.length ? `The leaves are given: ${listed}` : "The leaves are given";
}

/** What flows back along a wire: its local derivative times the gradient there, or the flow. */
function flowOf(wire) {
  if (wire.edge) return isFlat(wire) ? 0 : localOf(wire) * gradientAtNode(wire.edge[1]);
  let flow = 0;
  const tail = nodeOf(parts.get(wire.tail));
  for (const head of wire.within) {
    recorded.nodes[head].slice(1).forEach((operand, k) => {
      const slope = isLeaf(head) ? null : numbers.slopes[head][k];
      if (operand === tail && slope !== null) flow += slope * gradientAtNode(head);
    });
  }
  return flow;
}

function backwardRule(wire, tail, before) {
  const slope = slopeText(tail);
  const flow = flowOf(wire);
  const adds = before === undefined ? ""
    : `${slope} = ${shown(before)} + ${asFactor(shown(flow))} = ${shown(before + flow)}`;
  if (!wire.edge) return [null, shown(flow), adds];
  const above = asFactor(shown(gradientAtNode(wire.edge[1])));
  const names = `${slope} += ${asFactor(ruleOf(wire))} · ${slopeText(wire.edge[1])}`;
  return [names, `${shown(localOf(wire))} · ${above} = ${shown(flow)}`, adds];
}

/** The running totals of every step, and for each wire the total before its gradient came. */
function narrate() {
  if (failure) return;
  const totals = new Map();
  for (const step of graph.steps) {
    if (step.phase !== "backward" && step.phase !== "output") continue;
    const changed = new Map();
    step.before = step.wires.map((index) => {
      const wire = graph.wires[index];
      const tail = nodeOf(parts.get(wire.tail));
      if (tail === undefined) return undefined;
      const before = totals.get(wire.tail);
      totals.set(wire.tail, step.phase === "backward" ? (before ?? 0) + flowOf(wire)
        : recorded.outputs.filter((output) => output === tail).length);
      changed.set(wire.tail, totals.get(wire.tail));
      return before;
    });
    for (const id of step.complete) {
      const node = nodeOf(parts.get(id));
      if (node !== undefined) changed.set(id, gradientAtNode(node));
    }
    step.totals = [...changed];
  }
}

/** The rules of a step, written when it is shown; words that no number is in stay as they are. */
function rulesOf(step) {
  if (!recorded) return step.rules;
  const [first = []] = step.rules;
  if (step.phase === "start") return [[startRule(step), "", ""]];
  if (step.phase === "forward") {
    const part = parts.get(step.part);
    if (part.several) return step.rules;
    const [names, inNumbers, result] = forwardRule(part);
    return [names === null ? [first[0], result, ""] : [names, inNumbers, ""]];
  }
  if (step.phase !== "backward" || failure) return step.rules;
  const rules = [...step.rules];
  let line = 0;
  step.wires.forEach((index, i) => {
    const wire = graph.wires[index];
    const tail = nodeOf(parts.get(wire.tail));
    if (tail === undefined) return;
    const rule = backwardRule(wire, tail, step.before[i]);
    rules[line] = [rule[0] ?? rules[line][0], ...rule.slice(1)];
    line += 1;
  });
  return rules;
}

/** What parts are called and worth, and the local derivatives on wires. */
function describeAgain() {
  for (const part of graph.parts) {
    const node = nodeOf(part);
    if (node === undefined) continue;
    const isKnown = !failure || node < failure.node || isLeaf(node);
    part.value = isKnown ? shown(numbers.values[node]) : "";
    if (part.node === undefined) continue;
    part.name ??= nameOfNode(node);
    if (part.shows) continue;
    part.label ??= part.name;
    if (isConstant(node)) part.name = part.label = part.value;
  }
  if (failure) return;
  for (const wire of graph.wires) if (wire.edge) wire.number = localOf(wire);
}

/** How a part is computed, in names; "" for a leaf. */
function formulaText(part) {
  if (!recorded || part.node === undefined) return part.formula;
  const isGiven = part.shows || isLeaf(part.node);
  return isGiven ? "" : formulaOf(part, part.node, operandsOf(part).map(nameOfNode));
}

/** What a wire says to whoever points at it: its local derivative, as ∂, as a rule and as a number. */
function textsOf(wire) {
  if (!recorded || !wire.edge) return wire;
  const [tail, head] = wire.edge;
  const local = shown(wire.number);
  if (isConstant(tail)) return { local };
  return { slope: `∂${nameOfNode(head)}/∂${nameOfNode(tail)}`, rule: ruleOf(wire), local };
}

/** Everything again, from numbers of leaves and constants by position. */
function replay(given) {
  written.clear();
  replayNumbers(given);
  narrate();
  describeAgain();
  collectTotals();
}
