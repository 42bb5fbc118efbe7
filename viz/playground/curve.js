// The losses, step by step: one line for the training examples, a dashed one for those aside.

const EDGE = { left: 46, right: 12, top: 10, bottom: 22 };

function drawCurve(canvas, history, palette) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return; // not shown
  const [wide, high] = [width, height].map((pixels) => Math.round(pixels * devicePixelRatio));
  if (canvas.width !== wide) canvas.width = wide; // which also clears it
  if (canvas.height !== high) canvas.height = high;
  const context = canvas.getContext("2d");
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, width, height);
  const rows = history.rows;
  const finite = rows.flatMap((row) => row.slice(1)).filter(Number.isFinite);
  const last = Math.max(rows.at(-1)[0], 1);
  const top = Math.max(...finite, 1e-12) * 1.05;
  const x = (step) => EDGE.left + (step / last) * (width - EDGE.left - EDGE.right);
  const y = (loss) => EDGE.top + (1 - loss / top) * (height - EDGE.top - EDGE.bottom);
  drawAxes(context, { x, y, top, last }, palette);
  const placed = (column) => rows.map((row) => [x(row[0]), y(row[column])]);
  drawLine(context, placed(1), palette.named("value"), []);
  drawLine(context, placed(2), palette.named("gradient"), [6, 4]);
}

function drawAxes(context, { x, y, top, last }, palette) {
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  context.fillStyle = palette.named("quiet");
  context.strokeStyle = palette.named("wire");
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const loss of [0, top / 2.1, top / 1.05]) {
    context.fillText(loss ? loss.toPrecision(2) : "0", EDGE.left - 6, y(loss));
  }
  context.textBaseline = "alphabetic";
  context.fillText(last.toLocaleString("en"), x(last), y(0) + 17);
  context.textAlign = "left";
  context.fillText("step 0", x(0), y(0) + 17);
  context.beginPath();
  context.moveTo(x(0), EDGE.top);
  context.lineTo(x(0), y(0));
  context.lineTo(x(last), y(0));
  context.stroke();
}

function drawLine(context, places, color, dashes) {
  context.beginPath();
  for (const [x, y] of places) if (Number.isFinite(y)) context.lineTo(x, y);
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.setLineDash(dashes);
  context.stroke();
  context.setLineDash([]);
}
