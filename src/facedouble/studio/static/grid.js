// A grid of very many tiles, of which only those in sight exist. Selected by click, range, lasso and keys.

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const GAP = 6;

// items: what is shown, in order; tile(item) makes one; selected: a Set of items; open: called with one that is
// clicked twice.
export function Grid({ items, tile, selected, select, open, size, label, describe }) {
  const box = useRef(null);
  const [view, setView] = useState({ top: 0, width: 800, height: 600 });
  const [focus, setFocus] = useState(0);
  const [anchor, setAnchor] = useState(0);
  const [lasso, setLasso] = useState(null);
  const drag = useRef(null);
  const columns = Math.max(1, Math.floor((view.width + GAP) / (size + GAP)));
  const rows = Math.ceil(items.length / columns);
  const pitch = size + GAP;

  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) =>
      setView((old) => ({ ...old, width: entry.contentRect.width, height: entry.contentRect.height })));
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  const waiting = useRef(0);
  const scrolled = () => {
    cancelAnimationFrame(waiting.current);
    waiting.current = requestAnimationFrame(() => setView((old) => ({ ...old, top: box.current.scrollTop })));
  };

  const first = Math.max(0, Math.floor(view.top / pitch) - 2) * columns;
  const last = Math.min(items.length, (Math.ceil((view.top + view.height) / pitch) + 2) * columns);
  const show = (place) => {
    const top = Math.floor(place / columns) * pitch;
    if (top < box.current.scrollTop) box.current.scrollTop = top;
    else if (top + pitch > box.current.scrollTop + view.height) box.current.scrollTop = top + pitch - view.height;
  };
  const range = (from, to) => items.slice(Math.min(from, to), Math.max(from, to) + 1);
  const choose = (place, event) => {
    const item = items[place];
    if (event.shiftKey) select(new Set([...(event.ctrlKey ? selected : []), ...range(anchor, place)]));
    else if (event.ctrlKey || event.metaKey) {
      const next = new Set(selected);
      if (!next.delete(item)) next.add(item);
      select(next);
      setAnchor(place);
    } else {
      select(new Set([item]));
      setAnchor(place);
    }
    setFocus(place);
  };
  const key = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -1e9, End: 1e9,
      PageUp: -columns * Math.floor(view.height / pitch), PageDown: columns * Math.floor(view.height / pitch) }[event.code];
    if (step) {
      const place = Math.max(0, Math.min(items.length - 1, focus + step));
      if (!event.ctrlKey && items.length) choose(place, event);
      setFocus(place);
      show(place);
    } else if (event.code === "Space" && items.length) choose(focus, { ctrlKey: true });
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const at = (event) => {
    const place = box.current.getBoundingClientRect();
    return [event.clientX - place.left, event.clientY - place.top + box.current.scrollTop];
  };
  const down = (event) => {
    if (event.button !== 0) return;
    const [x, y] = at(event);
    if (x > view.width) return; // the scroll bar
    drag.current = { x, y, moved: false, before: event.ctrlKey ? new Set(selected) : new Set() };
  };
  const move = (event) => {
    if (!drag.current) return;
    const [x, y] = at(event);
    if (!drag.current.moved && Math.hypot(x - drag.current.x, y - drag.current.y) < 6) return;
    if (!drag.current.moved) box.current.setPointerCapture(event.pointerId);
    drag.current.moved = true;
    const [left, right] = [Math.min(x, drag.current.x), Math.max(x, drag.current.x)];
    const [top, bottom] = [Math.min(y, drag.current.y), Math.max(y, drag.current.y)];
    setLasso({ left, top, width: right - left, height: bottom - top });
    const next = new Set(drag.current.before);
    for (let row = Math.floor(top / pitch); row <= Math.floor(bottom / pitch); row++) {
      for (let column = Math.max(0, Math.floor(left / pitch)); column <= Math.min(columns - 1, Math.floor(right / pitch)); column++) {
        const item = items[row * columns + column];
        if (item !== undefined) next.add(item);
      }
    }
    select(next);
  };
  const up = (event) => {
    if (drag.current && !drag.current.moved) {
      const [x, y] = at(event);
      const place = Math.floor(y / pitch) * columns + Math.floor(x / pitch);
      if (x < columns * pitch && place < items.length) choose(place, event);
      else select(new Set());
    }
    drag.current = null;
    setLasso(null);
  };
  const twice = (event) => {
    const [x, y] = at(event);
    const place = Math.floor(y / pitch) * columns + Math.floor(x / pitch);
    if (x < columns * pitch && place < items.length) open(items[place]);
  };
  const tiles = [];
  for (let place = first; place < last; place++) {
    const item = items[place];
    const style = { transform: `translate(${(place % columns) * pitch}px, ${Math.floor(place / columns) * pitch}px)`,
      width: `${size}px`, height: `${size}px` };
    tiles.push(html`<div key=${item} class=${`tile ${place === focus ? "focus" : ""}`} id=${`tile-${item}`} role="option"
      aria-selected=${selected.has(item)} aria-label=${describe(item)} aria-setsize=${items.length} aria-posinset=${place + 1}
      style=${style}>${tile(item)}</div>`);
  }
  return html`<div class="tiles" ref=${box} tabindex="0" role="listbox" aria-multiselectable="true" aria-label=${label}
    aria-activedescendant=${items.length ? `tile-${items[Math.min(focus, items.length - 1)]}` : undefined}
    onScroll=${scrolled} onKeyDown=${key} onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onDblClick=${twice}>
    <div class="all" style=${{ height: `${rows * pitch}px` }}>${tiles}
      ${lasso && html`<div class="lasso" style=${Object.fromEntries(Object.entries(lasso).map(([name, value]) => [name, `${value}px`]))}></div>`}
    </div></div>`;
}
