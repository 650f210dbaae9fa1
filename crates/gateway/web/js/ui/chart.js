// A chart over days, as SVG: bars that stand on each other, or a line for each series.
import { html, useLayoutEffect, useRef, useSignal } from "../../vendor/ui.js";
import { day } from "./format.js";

const HEIGHT = 210;
const LEFT = 58;
const BOTTOM = 24;
const TOP = 10;
const LINES = 4;
/** Room for the name of a day. */
const DATE = 62;

/** The smallest round number that is no less: the end of the scale. */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].find((step) => step * power >= value * 0.999999) * power;
}

/**
 * `days`: times. `series`: `{label, values, tone: "c1"}`, with null where nothing is known; `bars` are stacked in their
 * order from below. `say` writes a value.
 */
export function Chart({ days, series, say, bars = false, top = null }) {
  const box = useRef(null);
  const width = useSignal(480);
  useLayoutEffect(() => {
    const resized = new ResizeObserver(() => (width.value = box.current?.clientWidth || width.value));
    resized.observe(box.current);
    return () => resized.disconnect();
  }, []);
  const right = width.value;
  const dates = Math.max(1, Math.floor((right - LEFT) / DATE));
  const sums = days.map((_, at) => series.reduce((sum, one) => sum + (one.values[at] ?? 0), 0));
  const highest = bars ? sums : series.flatMap((one) => one.values.filter((value) => value !== null));
  const end = top ?? roundUp(Math.max(0, ...highest));
  const step = (right - LEFT - 4) / days.length;
  const x = (at) => LEFT + step * (at + 0.5);
  const y = (value) => TOP + (1 - value / end) * (HEIGHT - TOP - BOTTOM);
  const place = { days, series, say, x, y, step };
  return html`
    <svg class="chart" ref=${box} viewBox="0 0 ${right} ${HEIGHT}" aria-hidden="true">
      ${Array.from({ length: LINES + 1 }, (_, n) => (end / LINES) * n).map((value) => html`
        <path key=${value} class="grid" d="M${LEFT} ${y(value)}H${right}" />
        <text x=${LEFT - 8} y=${y(value) + 4} text-anchor="end">${say(value)}</text>`)}
      ${days.map((time, at) => at % Math.ceil(days.length / dates) === 0 && html`
        <text key=${time} x=${x(at)} y=${HEIGHT - 6} text-anchor="middle">${day(time)}</text>`)}
      ${bars ? html`<${Bars} ...${place} />` : html`<${Lines} ...${place} />`}
    </svg>
  `;
}

function Bars({ days, series, say, x, y, step }) {
  const width = Math.min(28, step * 0.68);
  return days.map((time, at) => {
    let below = 0;
    return series.map(({ label, values, tone }) => {
      const value = values[at] ?? 0;
      const from = below;
      below += value;
      return value > 0 && html`
        <rect key=${label} class=${tone} x=${x(at) - width / 2} y=${y(below)} width=${width} height=${Math.max(0.5, y(from) - y(below))} rx="1.5">
          <title>${day(time)}: ${label} ${say(value)}</title></rect>`;
    });
  });
}

function Lines({ days, series, say, x, y }) {
  return series.map(({ label, values, tone }) => {
    const known = values.map((value, at) => ({ value, at })).filter(({ value }) => value !== null);
    return html`
      <g key=${label} class="of ${tone}">
        <path d=${known.map(({ value, at }, n) => `${n ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("")} />
        ${known.map(({ value, at }) => html`<circle key=${at} cx=${x(at)} cy=${y(value)} r="3"><title>${day(days[at])}: ${label} ${say(value)}</title></circle>`)}
      </g>`;
  });
}
