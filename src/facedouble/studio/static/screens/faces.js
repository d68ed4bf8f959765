// All faces of a clip: filtered, sorted, dropped and restored; what they cover.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get, post } from "../api.js";
import { Grid } from "../grid.js";
import { listen } from "../keys.js";
import { said } from "../messages.js";
import { attempt, loadProject, useStore } from "../store.js";
import { number, t } from "../text.js";
import { Button } from "../ui.js";
import { Coverage, inCell } from "./coverage.js";

export function Faces({ route }) {
  const { project } = useStore();
  const steps = project.made ? project.steps.filter((step) => step.kind === "extract") : [];
  const chosen = steps.find((step) => step.id === route[0]) || steps[0];
  if (!chosen) return html`<p class="empty">${t("faces.none")}</p>`;
  return html`<${Loaded} key=${chosen.id} step=${chosen} steps=${steps} />`;
}

function Loaded({ step, steps }) {
  const [table, setTable] = useState(null);
  const [problem, setProblem] = useState(null);
  const edits = useRef(0);
  useEffect(() => {
    let timer = 0;
    let gone = false;
    const read = async () => {
      try {
        const before = edits.current;
        const found = await get(`/api/facesets/${step.id}`);
        if (gone) return;
        const late = before !== edits.current; // what was edited meanwhile is not in it
        if (!late) setTable(found);
        if (late || !found.measured) timer = setTimeout(read, 600);
      } catch (error) {
        if (!gone) setProblem(error.message);
      }
    };
    read();
    return () => ((gone = true), clearTimeout(timer));
  }, [step.id, step.state]);
  if (problem) return html`<p class="empty">${problem}</p>`;
  if (!table) return html`<p class="empty">${t("loading")}</p>`;
  return html`<${Browser} ...${{ step, steps, table, setTable: (next) => ((edits.current += 1), setTable(next)) }} />`;
}

const orders = {
  frame: (f, a, b) => f.frame[a] - f.frame[b] || f.number[a] - f.number[b],
  wrong: (f, a, b) => f.wrong[b] - f.wrong[a],
  yaw: (f, a, b) => f.yaw[a] - f.yaw[b],
  pitch: (f, a, b) => f.pitch[a] - f.pitch[b],
  sharpness: (f, a, b) => f.sharpness[a] - f.sharpness[b],
  mouth: (f, a, b) => f.mouth[b] - f.mouth[a],
  eyes: (f, a, b) => f.eyes[a] - f.eyes[b],
  width: (f, a, b) => f.width[a] - f.width[b],
};

// Who a face is: the name that somebody gave it, after a sign, or the number of its group of like faces.
const whose = (table, n) => (n in table.names ? `=${table.names[n]}` : String(table.person[n]));

function Browser({ step, steps, table, setTable }) {
  const [order, setOrder] = useState("frame");
  const [show, setShow] = useState("kept");
  const [person, setPerson] = useState("");
  const [track, setTrack] = useState("");
  const [cell, setCell] = useState(null);
  const [selected, setSelected] = useState(new Set());
  const base = `/api/facesets/${step.id}`;

  const items = useMemo(() => {
    const wanted = { kept: "k", dropped: "db", all: "kdb", wrong: "kdb" }[show];
    const found = [];
    for (let n = 0; n < table.frame.length; n++) {
      if (!wanted.includes(table.state[n])) continue;
      if (show === "wrong" && !(table.wrong[n] > 0 && table.state[n] === "k")) continue;
      if (person !== "" && whose(table, n) !== person) continue;
      if (track !== "" && table.track[n] !== Number(track)) continue;
      if (cell && !inCell(table, n, cell)) continue;
      found.push(n);
    }
    return found.sort((a, b) => orders[order](table, a, b));
  }, [table, order, show, person, track, cell]);
  const visible = new Set(items);
  const chosen = [...selected].filter((n) => visible.has(n));

  const change = (path, body) => attempt(async () => {
    setTable(await post(`${base}/${path}`, body));
    setSelected(new Set());
    loadProject();
  });
  const edit = (action, more = {}) => chosen.length &&
    change("edit", { action, faces: chosen.map((n) => [table.frame[n], table.number[n]]), ...more });
  const openEditor = (n) => n !== undefined && (location.hash = `#/editor/${step.id}/${table.frame[n]}/${table.number[n]}`);
  const now = useRef({});
  const assigning = useRef(null);
  now.current = { edit, change, items, openEditor: () => openEditor(chosen[0]) };
  useEffect(() => listen([
    { code: "KeyX", name: t("faces.drop"), run: () => now.current.edit("drop") },
    { code: "Delete", run: () => now.current.edit("drop") },
    { code: "KeyR", name: t("faces.restore"), run: () => now.current.edit("restore") },
    { code: "KeyP", name: t("faces.assign"), run: () => assigning.current?.focus() },
    { code: "KeyA", name: t("faces.all"), command: true, run: () => setSelected(new Set(now.current.items)) },
    { code: "Enter", name: t("editor.openFrame"), run: () => now.current.openEditor() },
    { code: "Escape", name: t("faces.nothing"), run: () => (setSelected(new Set()), setCell(null)) },
    { code: "KeyZ", name: t("faces.undo"), command: true, run: () => now.current.change("undo") },
    { code: "KeyZ", shift: true, name: t("faces.redo"), command: true, run: () => now.current.change("redo") },
  ]), []);

  const called = (one) => (one === others?.name ? t("faces.somebodyElse") : one);
  const others = table.people.find((one) => one.id === table.others);
  const name = (n) => `${String(table.frame[n]).padStart(6, "0")}_${table.number[n]}`;
  const about = (n) => [name(n), table.measured && `${t("faces.yaw")} ${number(table.yaw[n])}°`, table.measured && `${t("faces.pitch")} ${number(table.pitch[n])}°`,
    table.names[n] && called(table.names[n]), table.state[n] === "k" ? "" : t(`faces.is.${table.state[n]}`), table.reasons[n] && said(table.reasons[n])].filter(Boolean).join(", ");
  const tile = (n) => html`<img src=${`${base}/crops/${table.frame[n]}/${table.number[n]}`} alt="" decoding="async" draggable=${false}
    class=${table.state[n] === "k" ? "" : "out"} />${table.wrong[n] > 0 && html`<i class="wrong" title=${said(table.reasons[n])}></i>`}
    <span class="number">${table.frame[n]}</span>${table.names[n] && html`<b>${called(table.names[n])}</b>`}`;
  const people = [...new Set(table.frame.map((_, n) => whose(table, n)))].sort();
  const personText = (one) => (one.startsWith("=") ? called(one.slice(1)) : t("faces.personN", { n: one }));
  const tracks = [...new Set(table.track)].sort((a, b) => a - b);
  const option = (value, text) => html`<option key=${value} value=${value}>${text}</option>`;
  const single = chosen.length === 1 ? about(chosen[0]) : "";
  return html`<div class="faces-frame"><div class="browse">
    <header>
      <select aria-label=${t("clip")} value=${step.id} onChange=${(event) => (location.hash = `#/faces/${event.target.value}`)}>
        ${steps.map((one) => option(one.id, one.label))}</select>
      <div class="segments" role="group" aria-label=${t("faces.show")}>${["kept", "wrong", "dropped", "all"].map((one) => html`
        <button type="button" key=${one} aria-pressed=${show === one} onClick=${() => setShow(one)}>${t(`faces.${one === "all" ? "every" : one}`)}</button>`)}</div>
      <select aria-label=${t("faces.sort")} value=${order} disabled=${!table.measured} onChange=${(event) => setOrder(event.target.value)}>
        ${Object.keys(orders).map((one) => option(one, t(`faces.by.${one}`)))}</select>
      ${people.length > 1 && html`<select aria-label=${t("faces.person")} value=${person} onChange=${(event) => setPerson(event.target.value)}>
        ${option("", t("faces.everybody"))}${people.map((one) => option(one, personText(one)))}</select>`}
      ${tracks.length > 1 && html`<select aria-label=${t("faces.track")} value=${track} onChange=${(event) => setTrack(event.target.value)}>
        ${option("", t("faces.everyTrack"))}${tracks.map((one) => option(one, t("faces.trackN", { n: one })))}</select>`}
      <span class="space"></span>${!table.measured && html`<span class="muted" role="status">${t("faces.measuring")}</span>`}
      <span class="muted number">${t("faces.count", { n: number(items.length), of: number(table.frame.length) })}</span>
    </header>
    ${table.problem && html`<p class="problem" role="alert">${said(table.problem)}</p>`}
    ${items.length ? html`<${Grid} items=${items} tile=${tile} selected=${selected} select=${setSelected} open=${openEditor} size=${112}
      label=${t("screen.faces")} describe=${about} />` : html`<p class="empty">${t("faces.noMatch")}</p>`}
    <footer><span class="number" role="status">${t("faces.chosen", { n: number(chosen.length) })}</span>
      <span class="muted one">${single}</span><span class="space"></span>
      <select class="assign" ref=${assigning} aria-label=${t("faces.assign")} disabled=${!chosen.length} value=""
        onChange=${(event) => (edit("assign", { person: event.target.value === "-" ? null : event.target.value }), (event.target.value = ""))}>
        <option value="" disabled>${t("faces.assign")}</option>
        ${table.people.map((one) => option(one.id, called(one.name)))}${option("-", t("faces.byLikeness"))}</select>
      <${Button} disabled=${chosen.length !== 1} onClick=${() => openEditor(chosen[0])}>${t("editor.open")}<//>
      <${Button} disabled=${!table.undo} onClick=${() => change("undo")}>${t("faces.undo")}<//>
      <${Button} disabled=${!table.redo} onClick=${() => change("redo")}>${t("faces.redo")}<//>
      <${Button} disabled=${!chosen.length} onClick=${() => edit("restore")}>${t("faces.restore")}<//>
      <${Button} tone="main" disabled=${!chosen.length} onClick=${() => edit("drop")}>${t("faces.drop")}<//></footer></div>
    <${Coverage} step=${step} steps=${steps} table=${table} cell=${cell} setCell=${setCell} />
  </div>`;
}
