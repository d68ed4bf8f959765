// The editor: what it shows, what is selected, and what a person can do. One object, "e", as it is now.

import { useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get, picture, post } from "../api.js";
import { latest, Pictures } from "../latest.js";
import { said } from "../messages.js";
import { attempt, loadProject, takeJobs } from "../store.js";
import { t } from "../text.js";
import { at, bounds, compose, same, shifted, still } from "./geometry.js";
import { turnedSelection } from "./tools.js";
import { tinted } from "./paint.js";
import { Saving } from "./saving.js";
import { fitted, zoomed } from "./surface.js";

const ONION = ["off", "before", "after", "both"];
const WHEEL_REST = 350; // milliseconds after which a turn of the wheel has ended

const told = (error) => (error.message === "offline" ? t("offline") : error.message);

const first = {
  faces: [], number: 0, loaded: false, scheme: null, tool: "points", selected: new Set(), active: -1, move: null, lasso: null,
  chosen: -1, vertex: -1, draft: [], stroke: null, cursor: null, under: null, include: false, radius: 12, softness: 0.15,
  onion: "off", showMask: true, glass: false, bare: false, panning: false, count: 50, unsure: [], carried: null, problem: null, unsent: 0, notice: null, learning: localStorage.getItem("editor learning") !== "0",
  mask: null, pictures: {}, view: { scale: 1, x: 0, y: 0 }, space: [0, 0], saved: 0, pending: 0, pen: null,
};

// The columns of all faces with those of one frame as they are now: a network may have been at work meanwhile.
function renewed(facts, faces, frame) {
  const letter = ({ layers }) => (layers.polygons || layers.occlusion)?.maker[0] || "-";
  const changed = new Map(faces.map((one) => [one.number, [Number(one.edited), letter(one)]]));
  const place = facts.frame.indexOf(frame);
  const [edited, mask] = [[...facts.edited], [...facts.mask]];
  for (let n = place; n >= 0 && facts.frame[n] === frame; n++) {
    if (changed.has(facts.number[n])) [edited[n], mask[n]] = changed.get(facts.number[n]);
  }
  return { ...facts, edited, mask };
}

export function useEditor(facts0, start, focusNumber) {
  const [state, setState] = useState({ ...first, facts: facts0, frame: start.frame, number: start.number });
  const now = useRef(null);
  const live = useRef(state);
  const set = (values) => {
    live.current = { ...live.current, ...values };
    Object.assign(now.current || {}, values);
    setState(live.current);
  };
  const base = `/api/editor/${facts0.id}`;
  const stills = useMemo(() => new Pictures(24, picture), []);
  const showing = useMemo(latest, []);
  const loading = useMemo(latest, []);
  const masking = useMemo(latest, []);
  const wheel = useRef(0);
  const alive = useRef(true);
  const schemes = useRef({});

  const saving = useMemo(() => new Saving(base, {
    changed: () => set({ pending: saving.pending, saved: saving.saved }),
    answered: (...all) => now.current.takeAnswer(...all),
    failed: (error) => {
      set({ problem: `${t("editor.notSaved")} ${told(error)}`, unsent: saving.unsent.length });
      now.current.reload(); // what is shown is what is saved
    },
  }), []);

  const e = {
    ...state, base, set,
    get face() {
      return live.current.faces.find((one) => one.number === live.current.number) || null;
    },
    get what() {
      return { points: "points", crop: "crop" }[live.current.tool] || "mask";
    },
    // Points and crop with what is being moved and not saved yet.
    get shownPoints() {
      const { move, selected } = live.current;
      const moved = (point, n) => (selected.has(n) && point[0] !== null ? at(move.matrix, point) : point);
      return move?.what === "points" ? e.face?.points.map(moved) : e.face?.points;
    },
    get shownCrop() {
      const { move } = live.current;
      return move?.what === "crop" ? e.face?.crop.map((point) => at(move.matrix, point)) : e.face?.crop;
    },
  };

  // The frames of the track before and after this one.
  const track = e.face?.track ?? start.track.current;
  if (e.face) start.track.current = e.face.track;
  const onTrack = useMemo(() => {
    const { facts } = state;
    return facts.frame.filter((_, n) => facts.track[n] === track);
  }, [state.facts, track]);
  e.track = track;
  e.before = onTrack.findLast((frame) => frame < state.frame) ?? null;
  e.after = onTrack.find((frame) => frame > state.frame) ?? null;

  // -- loading ------------------------------------------------------------------------------------

  const schemeOf = async (name) => (schemes.current[name] ??= await get(`/api/schemes/${name}`));
  const arrive = async (faces, frame, wanted) => {
    const face = faces.find((one) => one.number === (wanted ?? live.current.number) && (wanted !== null || one.track === start.track.current)) || faces.find((one) => one.track === start.track.current) || faces[0];
    const scheme = face ? await schemeOf(face.scheme) : live.current.scheme;
    if (live.current.frame !== frame) return;
    start.wanted.current = null;
    set({ faces, scheme, loaded: true, number: face ? face.number : live.current.number, facts: renewed(live.current.facts, faces, frame) });
  };
  e.reload = () => loading(async () => {
    const { frame } = live.current;
    try {
      let found, saved;
      do {
        saved = saving.saved; // what is saved meanwhile may not be in the answer
        found = await get(`${base}/frames/${frame}`);
      } while (saved !== saving.saved && frame === live.current.frame);
      if (frame === live.current.frame && !saving.waiting.length) await arrive(found.faces, frame, start.wanted.current);
    } catch (error) {
      if (!live.current.problem) set({ problem: told(error) });
    }
  });
  useEffect(() => {
    e.reload();
    history.replaceState(null, "", `#/editor/${facts0.id}/${state.frame}/${state.number}`);
  }, [state.frame]);
  useEffect(() => {
    showing(async () => {
      const { frame, onion, facts } = live.current;
      const wanted = { [frame]: true };
      if (onion === "before" || onion === "both") wanted[frame - 1] = true;
      if (onion === "after" || onion === "both") wanted[frame + 1] = true;
      const found = {};
      try {
        for (const n of Object.keys(wanted).map(Number).sort((a, b) => Math.abs(a - frame) - Math.abs(b - frame))) {
          if (n >= 0 && n < facts.frames) found[n] = await stills.get(`${base}/frames/${n}/picture`);
        }
        set({ pictures: found, shown: frame });
        for (const n of [frame + 1, frame - 1]) {
          if (n >= 0 && n < facts.frames) stills.get(`${base}/frames/${n}/picture`).catch(() => null);
        }
      } catch (error) {
        set({ problem: told(error) });
      }
    });
  }, [state.frame, state.onion]);
  const layers = e.face ? JSON.stringify([e.face.layers, e.face.crop, e.face.polygons]) : "";
  useEffect(() => {
    masking(async () => {
      const { frame, number } = live.current;
      const { face } = now.current;
      const has = face && (face.layers.polygons || face.layers.occlusion);
      if (!has) return set({ mask: null });
      const found = await picture(`${base}/masks/${frame}/${number}`).then(tinted, () => null);
      return set({ mask: found && { frame, number, picture: found } });
    });
  }, [state.frame, state.number, layers, state.pending === 0]);
  useEffect(() => {
    if (state.loaded && state.space[0] && start.fit.current) {
      start.fit.current = false;
      e.fit(true);
    }
  }, [state.loaded, state.space[0]]);
  e.ready = state.loaded && !start.fit.current; // it will not be moved by itself any more

  // -- what is answered ---------------------------------------------------------------------------

  e.takeAnswer = (answer, last, path) => {
    const { facts, frame, unsure } = live.current;
    const next = { ...facts, undo: answer.undo, redo: answer.redo, problem: answer.problem };
    if (answer.labels !== undefined) Object.assign(next, { labels: answer.labels, until: answer.until });
    // After each ten labels the network learns in the background, if the person wants it.
    if (live.current.learning && next.labels > facts.labels && next.labels % 10 === 0) now.current.learn();
    if (answer.changed) {
      const changes = new Map(answer.changed.map(([f, n, edited, mask]) => [`${f} ${n}`, [edited, mask]]));
      const find = (n) => changes.get(`${facts.frame[n]} ${facts.number[n]}`);
      next.edited = facts.edited.map((old, n) => find(n)?.[0] ?? old);
      next.mask = facts.mask.map((old, n) => find(n)?.[1] ?? old);
    }
    const values = { facts: next, problem: null };
    if (answer.what?.startsWith("carry") && answer.frame === frame) {
      const count = answer.changed.length;
      const { unsure: stopped } = answer;
      const text = stopped === null ? t("editor.carried", { n: count }) : t("editor.stopped", { n: count, at: stopped });
      Object.assign(values, { carried: { text, unsure: stopped }, unsure: stopped === null ? unsure : [...unsure, stopped] });
    }
    const touched = new Set((answer.changed || []).map(([f]) => f));
    values.unsure = (values.unsure || unsure).filter((f) => !touched.has(f));
    set(values);
    if (!last || !answer.faces) return;
    if (answer.frame !== frame && path === "edit") return; // somebody has gone on meanwhile
    if (answer.frame !== frame) {
      start.wanted.current = answer.number;
      set({ frame: answer.frame, loaded: false, faces: [] });
    } else if (!live.current.move) arrive(answer.faces, frame, live.current.number);
  };

  // -- saving -------------------------------------------------------------------------------------

  e.edit = (edit) => saving.send("edit", { frame: live.current.frame, number: now.current.face.number, edit });
  e.show = (values) => set({ faces: live.current.faces.map((one) => (one.number === live.current.number ? { ...one, ...values } : one)) });
  // What was moved and is not on its way yet goes.
  e.commit = () => {
    clearTimeout(wheel.current);
    const { move } = live.current;
    const editor = now.current;
    if (!move || !editor.face) return;
    if (!same(move.matrix, still)) {
      if (move.what === "points") editor.edit({ kind: "points", points: indicesOf(editor), matrix: move.matrix });
      else editor.edit({ kind: "crop", matrix: move.matrix });
      editor.show(move.what === "points" ? { points: editor.shownPoints, edited: true } : { crop: editor.shownCrop, crop_by_hand: true, edited: true });
    }
    set({ move: null });
  };
  const indicesOf = (editor) => [...live.current.selected].filter((n) => editor.face.points[n][0] !== null).map((n) => editor.scheme.indices[n]);
  e.again = () => (set({ problem: null, unsent: 0 }), saving.again());
  e.preview = (what, matrix) => set({ move: { what, matrix } });
  e.undo = () => (now.current.commit(), live.current.draft.length ? set({ draft: live.current.draft.slice(0, -1) }) : saving.send("undo", {}));
  e.redo = () => (now.current.commit(), saving.send("redo", {}));
  e.sendPolygons = (polygons = now.current.face.polygons) => {
    now.current.show({ polygons });
    now.current.edit({ kind: "polygons", polygons });
  };
  e.sendStroke = () => {
    const { stroke, softness } = live.current;
    set({ stroke: null, pen: null });
    if (stroke) now.current.edit({ kind: "stroke", path: stroke.path, radius: stroke.radius, softness, include: stroke.include });
  };
  e.close = () => {
    const { draft, include } = live.current;
    if (draft.length < 3) return;
    const polygons = [...now.current.face.polygons, { include, points: draft }];
    set({ draft: [], chosen: polygons.length - 1, vertex: -1 });
    now.current.sendPolygons(polygons);
  };
  e.removePolygon = (n) => {
    set({ chosen: -1, vertex: -1 });
    now.current.sendPolygons(now.current.face.polygons.filter((_, k) => k !== n));
  };
  e.remove = () => {
    const { draft, chosen, vertex } = live.current;
    const polygons = now.current.face?.polygons || [];
    if (draft.length) return set({ draft: draft.slice(0, -1) });
    if (live.current.tool !== "polygon" || !polygons[chosen]) return undefined;
    if (vertex < 0 || polygons[chosen].points.length <= 3) return now.current.removePolygon(chosen);
    set({ vertex: -1 });
    return now.current.sendPolygons(polygons.map((one, k) => (k === chosen ? { ...one, points: one.points.toSpliced(vertex, 1) } : one)));
  };
  e.followPoints = () => now.current.edit({ kind: "crop", matrix: null });
  e.learn = () => attempt(async () => {
    const { queued } = await post(`${base}/learn`);
    takeJobs(await get("/api/jobs"));
    set({ notice: t(queued ? "editor.learns" : "editor.learnsAlready") });
  });
  e.setLearning = (learning) => {
    localStorage.setItem("editor learning", learning ? "1" : "0");
    set({ learning });
  };
  e.copy = (source) => source !== null && now.current.face && now.current.edit({ kind: "copy", what: now.current.what, source });
  e.carry = (way) => {
    const { face, what } = now.current;
    const { frame, facts, count } = live.current;
    if (!face || what === "crop") return;
    now.current.commit();
    set({ carried: null });
    now.current.edit({ kind: "carry", what, to: Math.max(0, Math.min(facts.frames - 1, frame + way * count)) });
  };

  // -- choosing -----------------------------------------------------------------------------------

  e.select = (selected, active = -1) => set({ selected, active });
  e.selectGroup = (name) => (now.current.commit(), set({ selected: new Set(now.current.scheme.groups[name]), active: -1 }));
  e.nextPoint = (way) => {
    const { face } = now.current;
    if (!face || live.current.tool !== "points") return;
    now.current.commit();
    const count = face.points.length;
    const from = live.current.active >= 0 ? live.current.active : way > 0 ? -1 : count;
    const active = (from + way + count) % count;
    set({ selected: new Set([active]), active });
  };
  e.nextGroup = (way) => {
    if (!now.current.scheme) return;
    const names = Object.keys(now.current.scheme.groups);
    const place = names.findIndex((name) => same([...now.current.scheme.groups[name]].sort(), [...live.current.selected].sort()));
    now.current.selectGroup(names[(place < 0 && way < 0 ? names.length - 1 : place + way + names.length) % names.length]);
  };
  e.setTool = (tool) => {
    now.current.commit();
    set({ tool, draft: [], stroke: null, pen: null, cursor: null });
    const { view, space } = live.current;
    const { left, top, right, bottom } = now.current.face ? bounds(now.current.face.crop) : {};
    const hidden = left * view.scale + view.x < 0 || top * view.scale + view.y < 0 || right * view.scale + view.x > space[0] || bottom * view.scale + view.y > space[1];
    if (tool === "crop" && hidden) now.current.fit(true); // its handles must be in sight
  };
  e.setInclude = (include) => {
    set({ include });
    const { chosen, tool, draft } = live.current;
    const polygons = now.current.face?.polygons || [];
    if (tool === "polygon" && !draft.length && polygons[chosen]) {
      now.current.sendPolygons(polygons.map((one, k) => (k === chosen ? { ...one, include } : one)));
    }
  };
  e.take = (number) => (now.current.commit(), set({ number, selected: new Set(), active: -1, chosen: -1, draft: [] }));
  e.nextFace = () => {
    const { faces } = live.current;
    const place = faces.indexOf(now.current.face);
    if (faces.length > 1) now.current.take(faces[(place + 1) % faces.length].number);
  };
  e.escape = () => {
    if (live.current.move) return set({ move: null });
    return set({ draft: [], stroke: null, pen: null, selected: new Set(), active: -1, chosen: -1, vertex: -1 });
  };
  e.nextOnion = () => set({ onion: ONION[(ONION.indexOf(live.current.onion) + 1) % ONION.length] });

  // -- by keyboard --------------------------------------------------------------------------------

  // Arrows move what is selected, by half a pixel or five; the pen where one draws; and else the frame.
  e.nudge = (dx, dy, far) => {
    const { tool, selected, move, cursor, draft } = live.current;
    const editor = now.current;
    const [x, y] = [dx * 0.5 * far, dy * 0.5 * far];
    if ((tool === "points" && selected.size && editor.face) || (tool === "crop" && editor.face)) {
      editor.preview(tool, compose(shifted(x, y), move?.matrix || still));
    } else if ((tool === "polygon" || tool === "brush") && editor.face) {
      const from = cursor || draft[draft.length - 1] || [(editor.face.crop[0][0] + editor.face.crop[2][0]) / 2, (editor.face.crop[0][1] + editor.face.crop[2][1]) / 2];
      const next = cursor ? [from[0] + x * 4, from[1] + y * 4] : from;
      const { stroke, pen } = live.current;
      set({ cursor: next, ...(pen && stroke ? { stroke: { ...stroke, path: [...stroke.path, next] } } : {}) });
    } else if (dx) editor.go(live.current.frame + dx * far);
  };
  // A corner of an outline; or the brush is put down, and lifted.
  e.pen = () => {
    const { tool, cursor, draft, pen, radius, include } = live.current;
    if (!now.current.face || !cursor) return now.current.nudge(0, 0, 1);
    if (tool === "polygon") return set({ draft: [...draft, cursor], chosen: -1 });
    if (tool !== "brush") return undefined;
    if (pen) return now.current.sendStroke();
    return set({ pen: true, stroke: { path: [cursor], radius, include } });
  };
  e.turn = (angle, scale, byWheel = false) => {
    const found = turnedSelection(now.current, angle, scale);
    if (!found) return false;
    now.current.preview(...found);
    clearTimeout(wheel.current);
    if (byWheel) wheel.current = setTimeout(() => now.current.commit(), WHEEL_REST);
    return true;
  };
  e.turnBy = (way) => (live.current.tool === "brush" ? set({ radius: Math.max(0.5, live.current.radius * 1.12 ** way) }) : now.current.turnAndKeep(way * 0.0175, 1));
  e.scaleBy = (way) => now.current.turnAndKeep(0, 1.02 ** way);
  // A button has no end of its own: what it does is saved when the next thing is done, or the wheel's rest is over.
  e.turnAndKeep = (angle, scale) => now.current.turn(angle, scale, true);

  // -- moving about -------------------------------------------------------------------------------

  e.go = (frame) => {
    now.current.commit();
    const { facts } = live.current;
    const next = Math.max(0, Math.min(facts.frames - 1, Math.round(frame)));
    if (next === live.current.frame || !Number.isFinite(next)) return;
    set({ frame: next, faces: [], loaded: false, draft: [], stroke: null, pen: null, chosen: -1, vertex: -1, carried: null });
  };
  e.step = (way) => now.current.go(live.current.frame + way);
  e.focusNumber = focusNumber;
  e.worst = () => attempt(async () => {
    now.current.commit();
    const list = now.current.what === "mask" ? "doubtful" : "worst";
    let answer = await get(`${base}/${list}`);
    while (!answer.measured && alive.current) {
      set({ notice: t(`editor.looking.${list}`) });
      await new Promise((done) => setTimeout(done, 300));
      answer = await get(`${base}/${list}`);
    }
    const found = answer.faces;
    const { frame, number } = live.current;
    const place = found.findIndex((one) => one.frame === frame && one.number === number);
    const next = found[place + 1] || (place > 0 ? found[0] : null);
    if (!next || (next.frame === frame && next.number === number)) return set({ notice: t(`editor.none.${list}`) });
    start.wanted.current = next.number;
    start.track.current = state.facts.track[state.facts.frame.findIndex((f, n) => f === next.frame && state.facts.number[n] === next.number)];
    now.current.go(next.frame);
    return set({ number: next.number, notice: t("editor.why", { n: place + 2, of: found.length, why: said(next.why) }) });
  });
  e.fit = (face = null) => {
    const { view, space, facts } = live.current;
    const whole = fitted({ left: 0, top: 0, right: facts.width, bottom: facts.height }, space, 1.02);
    const near = now.current.face ? fitted(bounds(now.current.face.crop), space, live.current.tool === "crop" ? 1.16 : 0.86) : whole;
    const isNear = Math.abs(view.scale / near.scale - 1) < 1e-3 && Math.abs(view.x - near.x) < 1;
    set({ view: face === true || !isNear ? near : whole });
  };
  e.zoom = (factor) => {
    const { view, space, cursor } = live.current;
    const middle = cursor ? [cursor[0] * view.scale + view.x, cursor[1] * view.scale + view.y] : [space[0] / 2, space[1] / 2];
    set({ view: zoomed(view, factor, middle) });
  };
  useEffect(() => () => {
    alive.current = false;
    now.current.commit();
    loadProject(); // what depends on the faces may be stale now
  }, []);

  now.current = e;
  return [e, now];
}
