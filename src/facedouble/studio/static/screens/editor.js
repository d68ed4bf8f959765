// One frame, to be corrected by hand: landmarks, crop and mask, on the very pixels that are processed.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../api.js";
import { editorKeys } from "../editor/keys.js";
import { Panel } from "../editor/panel.js";
import { useEditor } from "../editor/state.js";
import { Legend, Strip } from "../editor/strip.js";
import { Surface } from "../editor/surface.js";
import { makeHand } from "../editor/tools.js";
import { listen } from "../keys.js";
import { said } from "../messages.js";
import { useStore } from "../store.js";
import { number, t } from "../text.js";
import { Button, Typed } from "../ui.js";

export function Editor({ route }) {
  const { project } = useStore();
  const steps = project.made ? project.steps.filter((step) => step.kind === "extract") : [];
  const chosen = steps.find((step) => step.id === route[0]) || steps.find((step) => step.state === "done") || steps[0];
  if (!chosen) return html`<p class="empty">${t("faces.none")}</p>`;
  return html`<${Loaded} key=${chosen.id} step=${chosen} steps=${steps} route=${route[0] === chosen.id ? route : []} />`;
}

function Loaded({ step, steps, route }) {
  const [facts, setFacts] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    get(`/api/editor/${step.id}`).then(setFacts, (error) => setProblem(error.message));
  }, [step.id]);
  if (problem) return html`<p class="empty bad" role="alert">${problem}</p>`;
  if (!facts) return html`<p class="empty">${t("loading")}</p>`;
  const frame = Math.min(facts.frames - 1, Number(route[1]) || (route[1] === undefined ? facts.frame[0] : 0) || 0);
  return html`<${Frame} key=${`${route[1]} ${route[2]}`} facts=${facts} step=${step} steps=${steps} frame=${frame} face=${Number(route[2]) || 0} />`;
}

function Frame({ facts, step, steps, frame, face }) {
  const field = useRef(null);
  const start = useRef({ frame, number: face, fit: { current: true }, wanted: { current: face }, track: { current: trackOf(facts, frame, face) } });
  const focus = () => (field.current.focus(), field.current.select());
  const [e, now] = useEditor(facts, start.current, focus);
  const hand = useMemo(() => makeHand(() => now.current), []);
  useEffect(() => listen(editorKeys(() => now.current)), []);
  useEffect(() => {
    const leaving = () => now.current.commit();
    addEventListener("blur", leaving);
    return () => removeEventListener("blur", leaving);
  }, []);

  const { scheme, face: shown } = e;
  const lines = scheme?.lines || [];
  const whole = e.pictures[e.frame] || null;
  const near = { before: [-1], after: [1], both: [-1, 1] }[e.onion] || [];
  const scene = {
    tool: e.tool, picture: whole, onion: near.map((by) => e.pictures[e.frame + by]), ghosts: [], bare: e.bare, panning: e.panning,
    points: shown && e.shownPoints, lines, selected: e.selected, active: e.active, crop: e.shownCrop || [],
    polygons: shown?.polygons || [], draft: e.draft, chosen: e.chosen, vertex: e.vertex, include: e.include, radius: e.radius,
    stroke: e.stroke, cursor: e.tool === "polygon" || e.tool === "brush" ? e.cursor : null, lasso: e.lasso,
    under: e.under, mask: shown && e.showMask && e.mask?.frame === e.frame && e.mask.number === shown.number ? e.mask.picture : null,
  };
  const label = t("editor.label", { n: e.frame, clip: facts.clip });
  return html`<div class="editor-frame" data-saved=${e.saved} data-pending=${e.pending} data-frame=${e.frame} data-loaded=${e.ready}
    data-shown=${whole ? e.frame : ""} data-mask=${scene.mask ? "1" : ""} data-view=${JSON.stringify(e.view)}>
    <div class="stage">
      <${Surface} scene=${scene} view=${e.view} setView=${(view) => e.set({ view })} hand=${hand} label=${label}
        resized=${(space) => e.set({ space })} describe=${describe(e)} glass=${e.glass} />
      ${e.problem && html`<p class="over bad" role="alert">${e.problem}
        ${e.unsent > 0 && html`<${Button} onClick=${e.again}>${t("editor.again")}<//>`}
        <${Button} icon="close" label=${t("close")} onClick=${() => e.set({ problem: null })} /></p>`}
      ${e.facts.problem && !e.problem && html`<p class="over bad" role="alert">${said(e.facts.problem)}</p>`}
      ${e.notice && !e.problem && html`<p class="over" role="status">${e.notice}
        <${Button} icon="close" label=${t("close")} onClick=${() => e.set({ notice: null })} /></p>`}
      <div class="transport">
        <${Strip} facts=${e.facts} track=${e.track} frame=${e.frame} go=${e.go} unsure=${e.unsure} />
        <div class="controls">
          <label class="inline">${t("frame")}<${Typed} field=${field} type="number" min="0" max=${facts.frames - 1} value=${e.frame}
            take=${(text) => (e.go(Number(text)), field.current.blur())} /></label>
          <span class="muted number">/ ${number(facts.frames - 1)}</span>
          <${Button} label=${t("key.back")} disabled=${e.frame === 0} onClick=${() => e.step(-1)}>◂<//>
          <${Button} label=${t("key.forward")} disabled=${e.frame === facts.frames - 1} onClick=${() => e.step(1)}>▸<//>
          <${Button} onClick=${e.worst}>${t("editor.worst")}<//>
          <${Legend} /><span class="space"></span>
          <${Button} label=${t("editor.key.out")} onClick=${() => e.zoom(0.8)}>−<//>
          <span class="muted number zoom">${number(e.view.scale * 100)}%</span>
          <${Button} label=${t("editor.key.in")} onClick=${() => e.zoom(1.25)}>+<//>
          <${Button} onClick=${() => e.fit()}>${t("editor.fit")}<//>
        </div></div>
    </div>
    <${Panel} e=${e} steps=${steps} step=${step} /></div>`;
}

function trackOf(facts, frame, face) {
  const place = facts.frame.findIndex((f, n) => f === frame && facts.number[n] === face);
  return facts.track[place < 0 ? 0 : place];
}

// For those who do not see the canvas: where they are and what is selected.
function describe(e) {
  const { face } = e;
  if (!e.loaded) return "";
  if (!face) return t("editor.noFace");
  const parts = [t("editor.now", { n: e.frame, tool: t(`editor.tool.${e.tool}`) })];
  if (e.tool === "points" && e.selected.size) {
    const names = Object.entries(e.scheme.groups).filter(([, all]) => all.length === e.selected.size && all.every((n) => e.selected.has(n)));
    const one = e.selected.size === 1 ? [...e.selected][0] : -1;
    const place = one >= 0 ? e.shownPoints[one] : null;
    parts.push(names.length && e.selected.size > 1 ? t(`group.${names[0][0]}`) : t("editor.selected", { n: e.selected.size }));
    if (place && place[0] !== null) parts.push(t("editor.point", { n: e.scheme.indices[one], x: number(place[0], 1), y: number(place[1], 1) }));
  }
  if (e.tool === "polygon" && e.draft.length) parts.push(t("editor.drawing", { n: e.draft.length }));
  if (e.cursor && (e.tool === "polygon" || e.tool === "brush") && e.pen) parts.push(t("editor.penDown"));
  return parts.join(". ");
}
