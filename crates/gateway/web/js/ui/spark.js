// A small line of how fast a server was, with gaps where it was away.
import { html } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { clock, number } from "./format.js";

const WIDTH = 240;
const HEIGHT = 40;

/** `points`: `{at, up, decode_tps}`, the oldest first. */
export function Spark({ points, label }) {
  const from = points[0].at;
  const span = Math.max(1, points.at(-1).at - from);
  const top = Math.max(1, ...points.map((point) => point.decode_tps ?? 0));
  const x = (point) => ((point.at - from) / span) * WIDTH;
  const y = (point) => HEIGHT - 3 - (point.decode_tps / top) * (HEIGHT - 8);
  const paths = [];
  let open = false;
  for (const point of points) {
    const known = point.up && point.decode_tps !== null && point.decode_tps !== undefined;
    if (known) paths.push(`${open ? "L" : "M"}${x(point).toFixed(1)} ${y(point).toFixed(1)}`);
    open = known || (open && point.up);
  }
  const step = WIDTH / (points.length - 1);
  const away = points.filter((point) => !point.up);
  const said = t("spark.said", { top: number(top, 1), away: away.length, count: points.length });
  return html`
    <figure class="spark">
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}. ${said}">
        ${gaps(points).map(([first, last]) => html`
        <rect key=${first.at} class="away" x=${x(first) - step / 2} y="0" width=${x(last) - x(first) + step} height=${HEIGHT} />`)}
        <path class="base" d="M0 ${HEIGHT - 1}H${WIDTH}" />
        <path class="line" d=${paths.join("")} />
      </svg>
      <figcaption class="faint" aria-hidden="true"><span>${clock(from)}</span><span>${t("spark.top", { n: number(top, 1) })}</span><span>${clock(points.at(-1).at)}</span></figcaption>
    </figure>
  `;
}

/** The first and the last point of each time that it was away. */
function gaps(points) {
  const found = [];
  points.forEach((point, at) => {
    if (point.up) return;
    if (at > 0 && !points[at - 1].up) found.at(-1)[1] = point;
    else found.push([point, point]);
  });
  return found;
}
