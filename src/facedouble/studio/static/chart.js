// Curves over iterations that can be read at a point, by pointer or arrow keys.

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { number, t } from "./text.js";

const LEFT = 46, RIGHT = 12, TOP = 10, BOTTOM = 22;

function ticks(least, most, count) {
  const rough = (most - least) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let at = Math.ceil(least / step) * step; at <= most + step / 1e6; at += step) found.push(at);
  return found;
}

const short = (value) => (Math.abs(value) >= 10000 ? `${number(value / 1000, 0)}k` : number(Math.abs(value) < 5e-4 ? 0 : value, 3));

function nearest(points, x) {
  let best = null;
  for (const point of points) if (best === null || Math.abs(point[0] - x) < Math.abs(best[0] - x)) best = point;
  return best;
}

// series: [[name, [[x, y], ...]], ...]; at: the iteration that is read, shared between charts.
export function Chart({ title, series, aside, logarithmic = false, at, setAt }) {
  const box = useRef(null);
  const [[width, height], setSize] = useState([600, 180]);
  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setSize([entry.contentRect.width, entry.contentRect.height]));
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  const every = series.flatMap(([, points]) => points).filter(([, y]) => !logarithmic || y > 0);
  const scale = logarithmic ? Math.log10 : (y) => y;
  const xs = every.map(([x]) => x);
  const ys = every.map(([, y]) => scale(y));
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  let [y0, y1] = [Math.min(...ys), Math.max(...ys)];
  const room = (y1 - y0) * 0.08 || Math.abs(y1) * 0.05 || 1;
  [y0, y1] = [y0 - room, y1 + room];
  const px = (x) => LEFT + ((x - x0) / (x1 - x0 || 1)) * (width - LEFT - RIGHT);
  const py = (y) => height - BOTTOM - ((scale(y) - y0) / (y1 - y0)) * (height - TOP - BOTTOM);
  const path = (points) => points.filter(([, y]) => !logarithmic || y > 0)
    .map(([x, y], n) => `${n ? "L" : "M"}${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join("");
  const point = (event) => {
    const x = event.clientX - box.current.getBoundingClientRect().left;
    setAt(x0 + ((x - LEFT) / (width - LEFT - RIGHT)) * (x1 - x0));
  };
  const key = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.code];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    setAt(Math.max(x0, Math.min(x1, (at ?? x1) + (step * (x1 - x0)) / 50)));
  };
  const read = series.map(([name, points]) => [name, nearest(points, at ?? x1)]).filter(([, found]) => found);
  const levels = every.length ? ticks(y0, y1, 4) : [];
  return html`<figure class="chart"><figcaption><h3>${title}</h3><span class="space"></span>${aside && html`<span>${aside}</span>`}
    ${read.map(([name, [, y]], n) => html`<span class=${`key s${n}`} key=${name}>${name} <b>${short(y)}</b></span>`)}</figcaption>
    <div ref=${box} class="plot" tabindex="0" role="img" onKeyDown=${key} onPointerMove=${point} onPointerLeave=${() => setAt(null)}
      aria-label=${`${title}: ${read.map(([name, [x, y]]) => `${name} ${short(y)} (${number(x)})`).join(", ")}`}>
      ${every.length > 0 && html`<svg width=${width} height=${height} aria-hidden="true">
        ${levels.map((y) => html`<g key=${y} class="level"><line x1=${LEFT} x2=${width - RIGHT} y1=${height - BOTTOM - ((y - y0) / (y1 - y0)) * (height - TOP - BOTTOM)}
          y2=${height - BOTTOM - ((y - y0) / (y1 - y0)) * (height - TOP - BOTTOM)} />
          <text x=${LEFT - 7} y=${height - BOTTOM - ((y - y0) / (y1 - y0)) * (height - TOP - BOTTOM) + 4} text-anchor="end">
            ${short(logarithmic ? 10 ** y : y)}</text></g>`)}
        ${ticks(x0, x1, Math.max(2, width / 130)).map((x) => html`<text key=${x} class="below" x=${px(x) > width - 24 ? width : px(x)} y=${height - 5}
          text-anchor=${px(x) > width - 24 ? "end" : "middle"}>${short(x)}</text>`)}
        ${series.map(([name, points], n) => html`<path key=${name} class=${`curve s${n}`} d=${path(points)} />`)}
        ${at !== null && at >= x0 && at <= x1 && html`<line class="reading" x1=${px(at)} x2=${px(at)} y1=${TOP} y2=${height - BOTTOM} />`}
        ${read.map(([name, [x, y]], n) => html`<circle key=${name} class=${`s${n}`} cx=${px(x)} cy=${py(y)} r="3" />`)}
      </svg>`}
      ${!every.length && html`<p class="muted">${t("train.noCurve")}</p>`}</div></figure>`;
}
