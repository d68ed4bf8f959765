// The canvas: where it looks, and what the pointer does on it.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { loupe, paint } from "./paint.js";

const LEAST = 0.05, MOST = 40; // CSS pixels per pixel of the frame

export const toImage = (view, [x, y]) => [(x - view.x) / view.scale, (y - view.y) / view.scale];

// Where to look so that a rectangle of the frame fits into the space, with room around it.
export function fitted({ left, top, right, bottom }, [width, height], room = 1.12) {
  const scale = Math.max(LEAST, Math.min(MOST, Math.min(width / ((right - left) * room), height / ((bottom - top) * room))));
  return { scale, x: width / 2 - ((left + right) / 2) * scale, y: height / 2 - ((top + bottom) / 2) * scale };
}

export function zoomed(view, factor, [x, y]) {
  const scale = Math.max(LEAST, Math.min(MOST, view.scale * factor));
  const ratio = scale / view.scale;
  return { scale, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
}

export function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    accent: "#ffb347", point: "#ffffff", line: "#7fe0d0", shade: "rgb(0 0 0 / .65)", ground: read("--ground"),
    edge: read("--text"), include: "#5fd37a", exclude: "#ff5d73", before: "#6db3ff", after: "#e58cff",
  };
}

// scene: what is drawn; hand: {down, move, up, wheel, hover}, called with places in the frame.
export function Surface({ scene, view, setView, resized, hand, label, describe, glass }) {
  const box = useRef(null);
  const canvas = useRef(null);
  const [space, setSpace] = useState([0, 0]);
  const [pointer, setPointer] = useState(null);
  const drag = useRef(null);
  const density = devicePixelRatio || 1;

  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setSpace([entry.contentRect.width, entry.contentRect.height]));
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    if (space[0]) resized(space);
  }, [space[0], space[1]]);

  useLayoutEffect(() => {
    const place = canvas.current;
    const [width, height] = [Math.round(space[0] * density), Math.round(space[1] * density)];
    if (place.width !== width || place.height !== height) [place.width, place.height] = [width, height];
    const context = place.getContext("2d");
    const colours = palette();
    const whole = { ...scene, view, density };
    paint(context, whole, colours);
    const under = scene.under || (glass && pointer);
    if (under && scene.picture) loupe(context, whole, under, colours);
  });

  const local = (event) => {
    const { left, top } = box.current.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  const down = (event) => {
    const start = local(event);
    const panning = event.button === 1 || scene.panning;
    if (event.button > 1) return;
    event.preventDefault();
    canvas.current.focus();
    box.current.setPointerCapture(event.pointerId);
    drag.current = panning ? { panning, start, view } : {};
    if (!panning) hand.down(toImage(view, start), event);
  };
  const move = (event) => {
    const now = local(event);
    if (drag.current?.panning) {
      const { start, view: old } = drag.current;
      setView({ ...old, x: old.x + now[0] - start[0], y: old.y + now[1] - start[1] });
    } else if (drag.current) hand.move(toImage(view, now), event);
    else hand.hover(toImage(view, now));
    setPointer(toImage(view, now));
  };
  const up = (event) => {
    if (drag.current && !drag.current.panning) hand.up(toImage(view, local(event)), event);
    drag.current = null;
  };
  const lost = () => {
    if (drag.current && !drag.current.panning) hand.cancel();
    drag.current = null;
  };
  useEffect(() => {
    const wheel = (event) => {
      event.preventDefault();
      const amount = Math.max(-1, Math.min(1, -event.deltaY / 100)) || Math.max(-1, Math.min(1, -event.deltaX / 100));
      if (event.ctrlKey || !hand.wheel(amount, event.shiftKey)) setView(zoomed(view, 1.2 ** amount, local(event)));
    };
    box.current.addEventListener("wheel", wheel, { passive: false });
    const place = box.current;
    return () => place.removeEventListener("wheel", wheel);
  });
  return html`<div class=${`surface ${scene.panning ? "panning" : scene.tool}`} ref=${box} onPointerDown=${down} onPointerMove=${move}
    onPointerUp=${up} onPointerCancel=${lost} onPointerLeave=${() => drag.current || (setPointer(null), hand.hover(null))}
    onContextMenu=${(event) => event.preventDefault()}>
    <canvas ref=${canvas} tabindex="0" role="img" aria-label=${label} aria-describedby="editor-now"
      style=${{ width: `${space[0]}px`, height: `${space[1]}px` }}></canvas>
    <p class="sr" id="editor-now" role="status">${describe}</p></div>`;
}
