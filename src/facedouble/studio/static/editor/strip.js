// All frames of the clip in one line: where the face is, what a person has set, where carrying stopped.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { t } from "../text.js";

const HEIGHT = 22;

export function Strip({ facts, track, frame, go, unsure }) {
  const canvas = useRef(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(entry.contentRect.width));
    watcher.observe(canvas.current.parentElement);
    return () => watcher.disconnect();
  }, []);
  const density = devicePixelRatio || 1;
  useLayoutEffect(() => {
    const place = canvas.current;
    [place.width, place.height] = [Math.round(width * density), HEIGHT * density];
    const context = place.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const each = place.width / facts.frames;
    const mark = (at, top, height, tone) => {
      context.fillStyle = tone;
      context.fillRect(Math.floor(at * each), top * density, Math.max(1, Math.ceil(each)), height * density);
    };
    for (let n = 0; n < facts.frame.length; n++) {
      if (facts.track[n] !== track) continue;
      mark(facts.frame[n], 8, 6, colour("--line"));
      if (facts.mask[n] !== "-") mark(facts.frame[n], 15, 6, colour(facts.mask[n] === "n" ? "--stale" : "--wait"));
      if (facts.edited[n]) mark(facts.frame[n], 8, 6, colour("--accent"));
    }
    for (const at of unsure) mark(at, 1, 6, colour("--bad"));
  });
  const share = `${((frame + 0.5) / facts.frames) * 100}%`;
  return html`<div class="strip"><canvas ref=${canvas} aria-hidden="true" style=${{ height: `${HEIGHT}px` }}></canvas>
    <i style=${{ left: share }}></i>
    <input type="range" min="0" max=${facts.frames - 1} value=${frame} aria-label=${t("frame")} data-global="1"
      onInput=${(event) => go(Number(event.target.value))} /></div>`;
}

export const Legend = () => html`<span class="legend muted">
  <span><i class="own"></i>${t("editor.yours")}</span><span><i class="mask"></i>${t("editor.mask")}</span>
  <span><i class="net"></i>${t("editor.suggested")}</span><span><i class="unsure"></i>${t("editor.unsure")}</span></span>`;
