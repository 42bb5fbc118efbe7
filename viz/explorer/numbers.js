"use strict";

// Numbers as Python writes them.

/** A number in one of Python's formats e, f and g with a precision; ties go to the even digit. */
function formatNumber(number, specification) {
  const [, precision = "6", type] = /^(?:\.(\d+))?([efg])$/.exec(specification) ?? [null, "4", "g"];
  if (!Number.isFinite(number)) return String(number).toLowerCase().replace("infinity", "inf");
  const sign = number < 0 ? "-" : "";
  const digits = { e: exponential, f: fixed, g: general }[type](Math.abs(number), Math.min(Number(precision), 100));
  return sign + digits;
}

function exponential(number, decimals) {
  return rounded(number, decimals, (places) => number.toExponential(places))
    .replace(/e([+-])(\d)$/, "e$10$2");
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
  const [digits, exponent = ""] = write(100).split("e");
  const dot = digits.indexOf(".");
  const kept = digits.slice(0, decimals ? dot + 1 + decimals : dot);
  const isTie = /^50*$/.test(digits.slice(dot + 1 + decimals));
  if (!isTie || Number(kept.at(-1)) % 2) return write(decimals);
  return exponent ? `${kept}e${exponent}` : kept;
}
