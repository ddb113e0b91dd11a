// Lines over the last minutes, drawn by uPlot in the colours of the page's theme.
/* global uPlot */

import { $ } from "./dashboard-dom.js";

const POINTS = 150;
const charts = [];
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A chart in the element `id`; series: [{label, colour: "--name", fill}]. Use its push(time_s, values). */
export function lines(id, series, { height = 240, format = String } = {}) {
  const holder = $(id);
  const data = [[], ...series.map(() => [])];
  const axis = { stroke: () => colour("--soft"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const plot = new uPlot({
    width: Math.max(holder.clientWidth, 200),
    height,
    cursor: { points: { size: 7 }, y: false },
    legend: { show: false },
    scales: { y: { range: (_, low, high) => [0, Math.max(high * 1.1, 1)] } },
    axes: [{ ...axis, space: 90, values: (_, ticks) => ticks.map((time) => clock.format(time * 1000)) }, { ...axis, size: 52, values: (_, ticks) => ticks.map(format) }],
    series: [{}, ...series.map((one) => ({
      label: one.label, width: 2, points: { show: false }, spanGaps: true, paths: uPlot.paths.spline(),
      stroke: () => colour(one.colour),
      fill: one.fill ? () => `${colour(one.colour)}22` : undefined,
    }))],
  }, data, holder);
  charts.push(plot);
  new ResizeObserver(() => plot.setSize({ width: Math.max(holder.clientWidth, 200), height })).observe(holder);
  return {
    push(time, values) {
      [time, ...values].forEach((value, index) => {
        data[index].push(value ?? null);
        if (data[index].length > POINTS) data[index].shift();
      });
      plot.setData(data);
    },
    clear() {
      data.forEach((column) => { column.length = 0; });
      plot.setData(data);
    },
  };
}

/** After a change of the theme. */
export const recolour = () => charts.forEach((plot) => plot.redraw());
