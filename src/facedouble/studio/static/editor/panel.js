// Beside the picture: the tool, what it works on, and what can be done with it.

import { html } from "../vendor/preact-htm.js";
import { number, t } from "../text.js";
import { Button, Typed } from "../ui.js";

export const TOOLS = ["points", "crop", "polygon", "brush"];
const GROUPS = [
  ["face", "jaw", "nose"], ["brows", "right_brow", "left_brow"],
  ["eyes", "right_eye", "left_eye"], ["right_upper_lid", "right_lower_lid", "right_iris"],
  ["left_upper_lid", "left_lower_lid", "left_iris"], ["lips", "outer_lips", "inner_lips"],
];

const Segments = ({ label, options, value, choose, name }) => html`<div class="segments" role="group" aria-label=${label}>
  ${options.map((one) => html`<button type="button" key=${one} aria-pressed=${value === one} onClick=${() => choose(one)}>
    ${t(`${name}.${one}`)}</button>`)}</div>`;

const Slide = ({ label, value, min, max, step, change, shown }) => html`<label class="slide"><span>${label}</span>
  <input type="range" min=${min} max=${max} step=${step} value=${value} onInput=${(event) => change(Number(event.target.value))} />
  <b class="number">${shown}</b></label>`;

export function Panel({ e, steps, step }) {
  const { face } = e;
  return html`<aside class="editing" aria-label=${t("screen.editor")}>
    <header><select aria-label=${t("clip")} value=${step.id} onChange=${(event) => (location.hash = `#/editor/${event.target.value}`)}>
      ${steps.map((one) => html`<option key=${one.id} value=${one.id}>${one.label}</option>`)}</select>
      ${e.faces.length > 1 && html`<select aria-label=${t("editor.which")} value=${face?.number} onChange=${(event) => e.take(Number(event.target.value))}>
        ${e.faces.map((one) => html`<option key=${one.number} value=${one.number}>${t("editor.faceN", { n: one.number, track: one.track })}</option>`)}</select>`}
      <${Segments} label=${t("editor.tools")} name="editor.tool" options=${TOOLS} value=${e.tool} choose=${e.setTool} /></header>
    <div class="scroll">
      ${face ? html`<${Whose} face=${face} />` : html`<p class="muted">${e.loaded ? t("editor.noFace") : t("loading")}</p>`}
      ${face && e.tool === "points" && html`<${Points} e=${e} />`}
      ${face && e.tool === "crop" && html`<${Crop} e=${e} />`}
      ${face && e.tool === "polygon" && html`<${Polygon} e=${e} />`}
      ${face && e.tool === "brush" && html`<${Brush} e=${e} />`}
      ${face && html`<${Neighbours} e=${e} />`}
      <${Looks} e=${e} />
    </div>
    <footer><span class="state-line muted" role="status">${e.pending ? t("editor.saving") : e.saved ? t("editor.saved") : ""}</span>
      <span class="space"></span>
      <${Button} disabled=${!e.facts.undo && !e.pending} onClick=${e.undo} label=${t("faces.undo")}>${t("faces.undo")}<//>
      <${Button} disabled=${!e.facts.redo} onClick=${e.redo} label=${t("faces.redo")}>${t("faces.redo")}<//></footer>
  </aside>`;
}

// Who set what.
function Whose({ face }) {
  const mask = face.layers.polygons || face.layers.occlusion;
  const rows = [
    ["editor.points", face.edited ? "you" : "program"],
    ["editor.crop", face.crop_by_hand ? "you" : face.edited ? "points" : "program"],
    ["editor.mask", mask ? { hand: mask.name === "carried" || mask.name === "copied" ? mask.name : "you", import: "import", network: "network" }[mask.maker] : "none"],
  ];
  return html`<dl class="whose">${rows.map(([what, who]) => html`<div key=${what}><dt>${t(what)}</dt>
    <dd class=${["you", "carried", "copied"].includes(who) ? "yours" : ""}>${t(`editor.by.${who}`, { n: mask?.version, name: mask?.name })}</dd></div>`)}
    ${face.state !== "faces" && html`<div><dt>${t("editor.use")}</dt><dd>${t(`editor.in.${face.state || "none"}`)}</dd></div>`}</dl>`;
}

function Points({ e }) {
  const { groups } = e.scheme;
  const count = e.selected.size;
  const isGroup = (name) => groups[name].length === count && groups[name].every((n) => e.selected.has(n));
  const one = count === 1 ? e.shownPoints[[...e.selected][0]] : null;
  return html`<section><h3>${t("editor.groups")}</h3>
    <div class="groups">${GROUPS.map((row) => html`<div key=${row[0]}>${row.filter((name) => groups[name]).map((name) => html`
      <button type="button" key=${name} aria-pressed=${isGroup(name)} onClick=${() => e.selectGroup(name)}>${t(`group.${name}`)}</button>`)}</div>`)}</div>
    <p class="muted" data-selected=${count}>${count ? t("editor.selected", { n: count }) : t("editor.selectHow")}
      ${one && one[0] !== null ? html` <span class="number">${number(one[0], 1)}, ${number(one[1], 1)}</span>` : ""}</p>
    ${count > 1 && html`<${Turns} e=${e} />`}</section>`;
}

const Turns = ({ e }) => html`<div class="row">
  <${Button} label=${t("editor.left")} onClick=${() => e.turnBy(-1)}>↺<//><${Button} label=${t("editor.right")} onClick=${() => e.turnBy(1)}>↻<//>
  <${Button} label=${t("editor.smaller")} onClick=${() => e.scaleBy(-1)}>−<//><${Button} label=${t("editor.larger")} onClick=${() => e.scaleBy(1)}>+<//></div>`;

const Crop = ({ e }) => html`<section><h3>${t("editor.crop")}</h3><p class="muted">${t("editor.cropHow")}</p>
  <div class="row"><${Turns} e=${e} /><${Button} disabled=${!e.face.crop_by_hand} onClick=${e.followPoints}>${t("editor.follow")}<//></div></section>`;

const Sides = ({ e }) => html`<div class="segments sides" role="group" aria-label=${t("editor.side")}>
  ${[false, true].map((include) => html`<button type="button" key=${include} class=${include ? "include" : "exclude"} aria-pressed=${e.include === include}
    onClick=${() => e.setInclude(include)}>${t(include ? "editor.include" : "editor.exclude")}</button>`)}</div>`;

function MaskActions({ e }) {
  const { layers } = e.face;
  const suggested = !layers.polygons && layers.occlusion && layers.occlusion.maker !== "hand";
  return html`${suggested && html`<p class="suggestion">${t(`editor.begins.${layers.occlusion.maker}`, { name: layers.occlusion.name, version: layers.occlusion.version })}
      <${Button} onClick=${() => e.edit({ kind: "adopt" })}>${t("editor.adopt")}<//></p>`}
    <div class="row"><${Button} onClick=${() => e.edit({ kind: "visible" })}>${t("editor.visible")}<//>
      <${Button} disabled=${!layers.polygons && !layers.occlusion} onClick=${() => e.edit({ kind: "clear" })}>${t("editor.clear")}<//></div>
    <p class="muted labels">${t("editor.labels", { n: e.facts.labels })}
      <${Button} disabled=${!e.facts.labels} onClick=${e.learn}>${t("editor.learn")}<//></p>
    <label class="check"><input type="checkbox" checked=${e.learning} onChange=${(event) => e.setLearning(event.target.checked)} />${t("editor.learnEvery")}</label>`;
}

const Polygon = ({ e }) => html`<section><h3>${t("editor.mask")}</h3><${Sides} e=${e} />
  <p class="muted">${e.draft.length ? t("editor.drawing", { n: e.draft.length }) : t("editor.polygonHow")}</p>
  ${e.face.polygons.length > 0 && html`<ul class="outlines" aria-label=${t("editor.outlines")}>${e.face.polygons.map((one, n) => html`<li key=${n}>
    <button type="button" class=${one.include ? "include" : "exclude"} aria-pressed=${e.chosen === n} onClick=${() => e.set({ chosen: e.chosen === n ? -1 : n, vertex: -1 })}>
      ${t(one.include ? "editor.including" : "editor.excluding", { n: one.points.length })}</button>
    <${Button} icon="close" label=${t("editor.remove", { n: n + 1 })} onClick=${() => e.removePolygon(n)} /></li>`)}</ul>`}
  <${MaskActions} e=${e} /></section>`;

const Brush = ({ e }) => html`<section><h3>${t("editor.mask")}</h3><${Sides} e=${e} />
  <${Slide} label=${t("editor.radius")} min="0.5" max="80" step="0.5" value=${e.radius} change=${(radius) => e.set({ radius })} shown=${number(e.radius, 1)} />
  <${Slide} label=${t("editor.softness")} min="0" max="1" step="0.05" value=${e.softness} change=${(softness) => e.set({ softness })} shown=${`${number(e.softness * 100)}%`} />
  ${e.face.polygons.length > 0 && html`<p class="muted">${t("editor.bakes")}</p>`}
  <${MaskActions} e=${e} /></section>`;

function Neighbours({ e }) {
  const what = e.what;
  const has = what !== "mask" || e.face.layers.polygons || e.face.layers.occlusion;
  return html`<section><h3>${t(`editor.from.${what}`)}</h3>
    <div class="row"><${Button} disabled=${e.before === null} onClick=${() => e.copy(e.before)}>${t("editor.copyBefore")}<//>
      <${Button} disabled=${e.after === null} onClick=${() => e.copy(e.after)}>${t("editor.copyAfter")}<//></div>
    ${what !== "crop" && html`<div class="row"><${Button} disabled=${!has || e.before === null} label=${t("editor.key.carryBack")} onClick=${() => e.carry(-1)}>${t("editor.carryBack")}<//>
      <${Button} disabled=${!has || e.after === null} label=${t("editor.key.carryOn")} onClick=${() => e.carry(1)}>${t("editor.carryOn")}<//>
      <label class="inline">${t("editor.upTo")}<${Typed} type="number" min="1" max="600" value=${e.count}
        take=${(text) => e.set({ count: Math.max(1, Math.min(600, Math.round(Number(text)) || 1)) })} /></label></div>
      <p class="muted">${t("editor.carryHow")}</p>`}
    ${e.carried && html`<p class=${e.carried.unsure === null ? "" : "unsure-line"} role="status">${e.carried.text}
      ${e.carried.unsure !== null && html` <button type="button" class="link" onClick=${() => e.go(e.carried.unsure)}>${t("editor.goThere", { n: e.carried.unsure })}</button>`}</p>`}
  </section>`;
}

const Looks = ({ e }) => html`<section><h3>${t("editor.look")}</h3>
  <div class="row"><span class="label">${t("editor.onion")}</span>
    <${Segments} label=${t("editor.onion")} name="editor.onion" options=${["off", "before", "after", "both"]} value=${e.onion} choose=${(onion) => e.set({ onion })} /></div>
  <label class="check"><input type="checkbox" checked=${e.showMask} onChange=${(event) => e.set({ showMask: event.target.checked })} />${t("editor.showMask")}</label>
  <label class="check"><input type="checkbox" checked=${e.glass} onChange=${(event) => e.set({ glass: event.target.checked })} />${t("editor.loupe")}</label></section>`;
