"use strict";

// Numbers as Python writes them.

/** A number in one of Python's formats e, f and g; in any other, as in ".4g". */
function formatNumber(number, specification) {
  const [, precision = "6", type] = /^(?:\.(\d+))?([efg])$/.exec(specification) ?? [null, "4", "g"];
  if (!Number.isFinite(number)) return String(number).toLowerCase().replace("infinity", "inf");
  const write = { e: exponential, f: fixed, g: general }[type];
  return (number < 0 ? "-" : "") + write(Math.abs(number), Math.min(Number(precision), 100));
}

function exponential(number, decimals) {
  const text = rounded(number, decimals, (places) => number.toExponential(places));
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function fixed(number, decimals) {
  if (number < 1e21) return rounded(number, decimals, (places) => number.toFixed(places));
  return BigInt(number) + (decimals ? `.${"0".repeat(decimals)}` : "");
}

function general(number, precision) {
  const significant = Math.max(precision, 1);
  const text = exponential(number, significant - 1);
  const power = Number(text.split("e")[1]);
  if (power < -4 || power >= significant) return text.replace(/\.?0*e/, "e");
  const plain = fixed(number, significant - 1 - power);
  return plain.includes(".") ? plain.replace(/\.?0+$/, "") : plain;
}

/** JavaScript rounds a tie up and Python to the even digit: all digits tell whether it is one. */
function rounded(number, decimals, write) {
  if (decimals < 99 && Number(write(decimals + 1)) !== number) return write(decimals); // no tie
  const [digits, exponent] = write(100).split("e");
  const dot = digits.indexOf(".");
  const kept = digits.slice(0, decimals ? dot + 1 + decimals : dot);
  const isTie = /^50*$/.test(digits.slice(dot + 1 + decimals));
  if (!isTie || Number(kept.at(-1)) % 2) return write(decimals);
  return exponent ? `${kept}e${exponent}` : kept;
}
