// Draws each chart from the table that is its text form. Without scripts the table is
// all there is.
"use strict";

const WIDTH_OF_PHONES = 480;

function read(table) {
  const rows = [...table.tBodies[0].rows];
  const times = rows.map((row) => Number(row.cells[0].dataset.time));
  const names = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
  const values = names.map((_, n) => rows.map((row) => Number(row.cells[n + 1].textContent)));
  return { names, data: [times, ...values] };
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function formatTime(seconds) {
  return new Date(seconds * 1000).toISOString().slice(5, 16).replace("T", " ");
}

// The axis has room for one of both: the day of a long period, or the time.
function formatTicks(plot, ticks) {
  const { min, max } = plot.scales.x;
  const isLong = max - min > 2 * 86400;
  return ticks.map((at) => (isLong ? formatTime(at).slice(0, 5) : formatTime(at).slice(6)));
}

function options(names, width, onMove) {
  const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 } };
  const dashes = [[], [8, 4], [2, 4]];
  return {
    width,
    height: width < WIDTH_OF_PHONES ? 180 : 260,
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: { drag: { x: false, y: false } },
    padding: [8, 20, 0, 0],
    axes: [{ ...axis, values: formatTicks, size: 32 }, { ...axis, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 5e4] }],
    scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.05, 1)] } },
    series: [
      {},
      ...names.map((label, n) => ({
        label,
        stroke: color(`--series-${n + 1}`),
        width: 2,
        dash: dashes[n],
        points: { show: false },
      })),
    ],
    hooks: { setCursor: [onMove] },
  };
}

function draw(box) {
  const { names, data } = read(document.getElementById(box.dataset.table));
  const values = box.parentElement.querySelector(".values");
  const show = (plot) => {
    const at = plot.cursor.idx;
    values.textContent =
      at == null
        ? ""
        : `${formatTime(plot.data[0][at])} UTC: ${names.map((name, n) => `${name.toLowerCase()} ${plot.data[n + 1][at]}`).join(", ")}`;
  };
  return new uPlot(options(names, box.clientWidth, show), data, box);
}

for (const box of document.querySelectorAll(".plot[data-table]")) {
  let plot = draw(box);
  const redraw = () => {
    plot.destroy();
    plot = draw(box);
  };
  new ResizeObserver(() => box.clientWidth !== plot.width && redraw()).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  document.addEventListener("refreshed", () => {
    plot.setData(read(document.getElementById(box.dataset.table)).data);
  });
}
