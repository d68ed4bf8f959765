// A picture at its own pixels, or fitted; with another one left of a line that can be moved.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.js";
import { t } from "./text.js";

// front: what is shown; behind: what is left of the line at wipe (0 to 1, null for none). zoom: 0 to fit.
export function Viewer({ front, behind, wipe, moveWipe, zoom, label, size, children }) {
  const box = useRef(null);
  const canvas = useRef(null);
  const [space, setSpace] = useState([0, 0]);
  const [pan, setPan] = useState([0, 0]);
  const drag = useRef(null);

  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setSpace([entry.contentRect.width, entry.contentRect.height]));
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);

  const density = devicePixelRatio || 1;
  const [width, height] = size;
  const fit = Math.min((space[0] * density) / width, (space[1] * density) / height) || 1;
  const scale = zoom || Math.min(fit, Math.max(1, fit));
  const clamp = (offset, shown, room) => Math.max(-Math.max(0, (shown - room) / 2), Math.min(Math.max(0, (shown - room) / 2), offset));
  const left = Math.round((space[0] * density - width * scale) / 2 + clamp(pan[0], width * scale, space[0] * density));
  const top = Math.round((space[1] * density - height * scale) / 2 + clamp(pan[1], height * scale, space[1] * density));
  const line = wipe === null ? null : (left + width * scale * wipe) / density;

  useLayoutEffect(() => {
    const place = canvas.current;
    place.width = Math.round(space[0] * density);
    place.height = Math.round(space[1] * density);
    const context = place.getContext("2d");
    context.imageSmoothingEnabled = scale < 1;
    context.imageSmoothingQuality = "high";
    if (front) context.drawImage(front, left, top, Math.round(width * scale), Math.round(height * scale));
    if (behind && wipe !== null) {
      const cut = Math.round(width * wipe);
      if (cut > 0) {
        context.drawImage(behind, 0, 0, cut, height, left, top, Math.round(cut * scale), Math.round(height * scale));
      }
    }
  }, [front, behind, wipe, scale, left, top, space[0], space[1]]);

  const down = (event) => {
    const x = event.clientX - box.current.getBoundingClientRect().left;
    drag.current = { wiping: line !== null && Math.abs(x - line) < 14, x: event.clientX, y: event.clientY, pan };
    box.current.setPointerCapture(event.pointerId);
  };
  const move = (event) => {
    if (!drag.current) return;
    const dx = event.clientX - drag.current.x;
    if (drag.current.wiping) {
      const x = (event.clientX - box.current.getBoundingClientRect().left) * density;
      moveWipe(Math.max(0, Math.min(1, (x - left) / (width * scale))));
    } else setPan([drag.current.pan[0] + dx * density, drag.current.pan[1] + (event.clientY - drag.current.y) * density]);
  };
  const up = () => (drag.current = null);
  const arrows = (event) => {
    const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.code];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    moveWipe(Math.max(0, Math.min(1, wipe + step)));
  };
  return html`<div class=${`viewer ${zoom ? "zoomed" : ""}`} ref=${box} onPointerDown=${down} onPointerMove=${move}
    onPointerUp=${up} onPointerCancel=${up}>
    <canvas ref=${canvas} role="img" aria-label=${label} style=${{ width: `${space[0]}px`, height: `${space[1]}px` }}></canvas>
    ${line !== null && html`<div class="wipe" role="slider" tabindex="0" aria-label=${t("view.wipe")} aria-valuemin="0"
      aria-valuemax="100" aria-valuenow=${Math.round(wipe * 100)} onKeyDown=${arrows} style=${{ left: `${line}px` }}></div>`}
    ${children}</div>`;
}
