// What the pointer does, by tool. "e" is the editor as it is now; see screens/editor.js.

import { about, compose, distance, inside, mean, nearest, nearestEdge, shifted, still } from "./geometry.js";
import { cropHandles, handles } from "./paint.js";

const REACH = 10; // CSS pixels

const reach = (e) => REACH / e.view.scale;
export const chosenPoints = (e) => [...e.selected].map((n) => e.face.points[n]);

// What a drag of a handle does to what lies about a centre.
function turned(centre, start, now) {
  const angle = ([x, y]) => Math.atan2(y - centre[1], x - centre[0]);
  return about(centre, angle(now) - angle(start), 1);
}
const scaled = (centre, start, now) => about(centre, 0, Math.max(0.05, distance(now, centre) / (distance(start, centre) || 1)));

function grabbed(e, { corners, turn }, place, centre) {
  if (distance(turn, place) <= reach(e)) return { how: turned, centre };
  if (nearest(corners, place, reach(e)) >= 0) return { how: scaled, centre };
  return null;
}

function dragged(drag, place) {
  if (drag.how) return drag.how(drag.centre, drag.start, place);
  return shifted(place[0] - drag.start[0], place[1] - drag.start[1]);
}

const points = {
  down(e, place, event) {
    const { face, selected } = e;
    if (!face) return null;
    if (selected.size > 1) {
      const group = chosenPoints(e);
      const grip = grabbed(e, handles(group, e.view.scale), place, mean(group));
      if (grip) return { ...grip, start: place };
    }
    const found = nearest(face.points, place, reach(e));
    if (found >= 0) {
      if (event.shiftKey) {
        const next = new Set(selected);
        if (!next.delete(found)) next.add(found);
        e.select(next, found);
        return null;
      }
      e.select(selected.has(found) ? selected : new Set([found]), found);
      return { start: place };
    }
    if (selected.size > 1 && !event.shiftKey) {
      const { corners } = handles(chosenPoints(e), e.view.scale);
      if (inside(corners, place)) return { start: place };
    }
    return { lasso: true, start: place, before: event.shiftKey ? selected : new Set() };
  },
  move(e, drag, place) {
    if (!drag.lasso) return e.preview("points", dragged(drag, place));
    const [[x0, y0], [x1, y1]] = [drag.start, place];
    const within = ([x, y]) => x !== null && x >= Math.min(x0, x1) && x <= Math.max(x0, x1) && y >= Math.min(y0, y1) && y <= Math.max(y0, y1);
    const next = new Set(drag.before);
    e.face.points.forEach((point, n) => within(point) && next.add(n));
    e.set({ lasso: [drag.start, place] });
    return e.select(next, -1);
  },
  up(e, drag) {
    if (!drag.lasso) return e.commit();
    if (!e.lasso) e.select(drag.before, -1); // a click beside everything
    return e.set({ lasso: null });
  },
};

const crop = {
  down(e, place) {
    if (!e.face) return null;
    const centre = mean(e.face.crop);
    const grip = grabbed(e, cropHandles(e.face.crop, e.view.scale), place, centre);
    if (grip) return { ...grip, start: place };
    return inside(e.face.crop, place) ? { start: place } : null;
  },
  move: (e, drag, place) => e.preview("crop", dragged(drag, place)),
  up: (e) => e.commit(),
};

const polygon = {
  down(e, place) {
    if (!e.face) return null;
    const { polygons } = e.face;
    if (e.draft.length) {
      if (e.draft.length > 2 && distance(e.draft[0], place) <= reach(e)) e.close();
      else e.set({ draft: [...e.draft, place] });
      return null;
    }
    const order = [...polygons.keys()].reverse().sort((a, b) => (b === e.chosen) - (a === e.chosen));
    for (const n of order) {
      const vertex = nearest(polygons[n].points, place, reach(e));
      if (vertex >= 0) {
        e.set({ chosen: n, vertex });
        return { start: place, polygons, change: (by) => moved(polygons, n, (point, m) => (m === vertex ? add(point, by) : point)) };
      }
    }
    for (const n of order) {
      const edge = nearestEdge(polygons[n].points, place, reach(e) * 0.7);
      if (edge >= 0 && n === e.chosen) {
        const grown = polygons.map((one, k) => (k === n ? { ...one, points: one.points.toSpliced(edge + 1, 0, place) } : one));
        e.set({ vertex: edge + 1 });
        e.show({ polygons: grown });
        return { start: place, polygons: grown, grown: true, change: (by) => moved(grown, n, (point, m) => (m === edge + 1 ? add(point, by) : point)) };
      }
      if (edge >= 0 || (n === e.chosen && inside(polygons[n].points, place))) {
        e.set({ chosen: n, vertex: -1 });
        return { start: place, polygons, change: (by) => moved(polygons, n, (point) => add(point, by)) };
      }
    }
    e.set({ draft: [place], chosen: -1, vertex: -1 });
    return null;
  },
  move(e, drag, place) {
    drag.moved = true;
    e.show({ polygons: drag.change([place[0] - drag.start[0], place[1] - drag.start[1]]) });
  },
  up: (e, drag) => (drag.moved || drag.grown) && e.sendPolygons(),
  cancel: (e, drag) => e.show({ polygons: drag.polygons }),
};

const add = ([x, y], [dx, dy]) => [x + dx, y + dy];
const moved = (polygons, n, change) =>
  polygons.map((one, k) => (k === n ? { ...one, points: one.points.map(change) } : one));

const brush = {
  down(e, place) {
    if (!e.face) return null;
    e.set({ stroke: { path: [place], radius: e.radius, include: e.include } });
    return {};
  },
  move(e, _drag, place) {
    const { path } = e.stroke;
    if (distance(path[path.length - 1], place) * e.view.scale >= 1.5) e.set({ stroke: { ...e.stroke, path: [...path, place] } });
  },
  up: (e) => e.sendStroke(),
  cancel: (e) => e.set({ stroke: null }),
};

const tools = { points, crop, polygon, brush };

// The hand that the canvas calls: a drag keeps the tool that it began with.
export function makeHand(now) {
  let drag = null;
  return {
    down(place, event) {
      const e = now();
      e.commit();
      const tool = tools[e.tool];
      const found = tool.down(e, place, event);
      drag = found && { ...found, tool };
      if (drag && !drag.lasso && e.tool !== "brush") now().set({ under: place });
    },
    move(place) {
      if (!drag) return;
      drag.tool.move(now(), drag, place);
      if (!drag.lasso && drag.tool !== brush) now().set({ under: place });
      if (drag.tool === brush) now().set({ cursor: place });
    },
    up() {
      if (drag) drag.tool.up(now(), drag);
      drag = null;
      now().set({ under: null });
    },
    cancel() {
      if (drag?.tool.cancel) drag.tool.cancel(now(), drag);
      else now().set({ move: null, lasso: null });
      drag = null;
      now().set({ under: null });
    },
    hover(place) {
      const e = now();
      if (e.tool === "brush" || e.tool === "polygon") e.set({ cursor: place });
    },
    // True where the wheel was for what is selected, not for zooming.
    wheel(amount, shift) {
      const e = now();
      if (e.tool === "brush" && shift) return e.set({ radius: Math.max(0.5, e.radius * 1.12 ** amount) }), true;
      return e.turn(shift ? amount * 0.035 : 0, shift ? 1 : 1.03 ** amount, true);
    },
  };
}

// A turn and a scale of what is selected about its middle, on top of what is not saved yet; null for nothing.
export function turnedSelection(e, angle, scale) {
  const before = e.move?.matrix || still;
  if (e.tool === "crop" && e.face) return ["crop", compose(about(mean(e.shownCrop), angle, scale), before)];
  if (e.tool === "points" && e.selected.size > 1) {
    const shown = [...e.selected].map((n) => e.shownPoints[n]);
    return ["points", compose(about(mean(shown), angle, scale), before)];
  }
  return null;
}
