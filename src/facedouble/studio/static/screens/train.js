// A training as it goes: preview sheet, curves, how far it is; the time-lapse; train on.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { get, picture, post } from "../api.js";
import { Chart } from "../chart.js";
import { listen } from "../keys.js";
import { attempt, jobOf, loadProject, say, takeJobs, useStore } from "../store.js";
import { clock, number, t } from "../text.js";
import { Bar, Button, Dialog, State } from "../ui.js";
import { Viewer } from "../viewer.js";
import { run } from "./project.js";

export function Train({ route }) {
  const { project } = useStore();
  const models = project.made ? project.steps.filter((step) => step.kind === "train") : [];
  const chosen = models.find((step) => step.id === route[0]) || models[0];
  if (!chosen) return html`<p class="empty">${t("train.none")}</p>`;
  if (route[1] === "compare" && models.length > 1) return html`<${Comparison} step=${chosen} models=${models} />`;
  return html`<${Training} key=${chosen.id} step=${chosen} models=${models} />`;
}

function Training({ step, models }) {
  useStore();
  const job = jobOf(step.id);
  const active = job && ["running", "queued"].includes(job.state) ? job : null;
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    let gone = false;
    let timer = 0;
    const read = async () => {
      try {
        const next = await get(`/api/models/${step.id}`);
        if (!gone) (setFound(next), setProblem(null));
      } catch (error) {
        if (!gone) setProblem(error.message);
      }
      if (!gone && active?.state === "running") timer = setTimeout(read, 1500);
    };
    read();
    return () => ((gone = true), clearTimeout(timer));
  }, [step.id, active?.state, step.detail]);
  if (problem) return html`<p class="empty bad">${problem}</p>`;
  if (!found) return html`<p class="empty">${t("loading")}</p>`;
  return html`<div class="training"><${Sheets} found=${found} />
    <aside><${Head} ...${{ step, models, found, active, job }} /><${Charts} curves=${found.curves} /></aside></div>`;
}

function Head({ step, models, found, active, job }) {
  const [minutes, setMinutes] = useState(null);
  const progress = active?.progress;
  const share = progress?.total ? progress.done / progress.total : null;
  const act = (path) => attempt(async () => takeJobs(await post(`/api/jobs/${job.id}/${path}`)));
  const resumable = job && ["failed", "cancelled", "lost"].includes(job.state);
  const go = async () => {
    if (minutes !== null) await attempt(() => post(`/api/models/${step.id}/minutes`, { minutes }));
    setMinutes(null);
    if (resumable) await act("resume");
    else await run({ steps: [step.id] });
  };
  const limit = minutes ?? found.limits.minutes ?? "";
  const facts = [
    [t("train.iterations"), number(found.iteration)],
    [t("train.faces"), number(found.faces_seen)],
    [t("train.time"), clock(found.minutes * 60)],
    [t("train.left"), progress?.left != null ? clock(progress.left) : "–"],
    [t("train.best"), found.best ? `${number(found.best.score, 3)} (${number(found.best.at)})` : "–"],
    [t("train.model"), found.kind ? `${found.kind} · ${found.resolution} px` : "–"],
  ];
  const [adding, setAdding] = useState(false);
  const state = active ? (active.stopping ? "stopping" : active.paused ? "paused" : active.state) : step.state;
  const ask = (path, body) => attempt(async () => {
    takeJobs(await post(`/api/jobs/${job.id}/${path}`, body));
    if (path === "save") say(t("train.savesNow"));
  });
  return html`<section class="head"><header>
    ${models.length > 1 ? html`<select aria-label=${t("kind.train")} value=${step.id}
      onChange=${(event) => (location.hash = `#/train/${event.target.value}`)}>
      ${models.map((one) => html`<option key=${one.id} value=${one.id}>${one.label}</option>`)}</select>
      <a class="button" href=${`#/train/${step.id}/compare`}>${t("train.compare")}</a>`
      : html`<h2>${found.name}</h2>`}
    <${Button} icon="add" label=${t("train.newModel")} onClick=${() => setAdding(true)} />
    <span class="space"></span><${State} state=${state} /></header>
    ${adding && html`<${NewModel} step=${step} models=${models} close=${() => setAdding(false)} />`}
    ${active?.state === "running" && html`<${Bar} share=${share} label=${step.name} />`}
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="number">${value}</dd></div>`)}</dl>
    <div class="go">${active
      ? html`${active.state === "running" && html`<${Button} icon=${active.paused ? "play" : "pause"} disabled=${active.stopping}
          onClick=${() => ask("pause", { pause: !active.paused })}>${t(active.paused ? "train.goOn" : "train.pause")}<//>
        <${Button} icon="save" disabled=${active.stopping || active.paused} onClick=${() => ask("save")}>${t("train.save")}<//>`}
        <${Button} icon="stop" disabled=${active.stopping} onClick=${() => act("stop")}>${t("train.stop")}<//>
        <span class="muted">${t(active.paused ? "train.pauseKeeps" : "train.stopSaves")}</span>`
      : html`<label>${t("train.until")}<input type="number" min="1" step="1" value=${limit}
          onInput=${(event) => setMinutes(Number(event.target.value) || null)} /></label><span>${t("unit.minutes")}</span>
        <span class="space"></span><${Button} icon="play" tone="main" disabled=${step.state === "done" && minutes === null && !resumable}
          onClick=${go}>${t(found.iteration ? "train.on" : "train.start")}<//>`}</div>
  </section>`;
}

// Another model of the same people, to be compared with this one.
function NewModel({ step, models, close }) {
  const [kinds, setKinds] = useState([]);
  const [kind, setKind] = useState("quick");
  const [name, setName] = useState("");
  const [problem, setProblem] = useState("");
  useEffect(() => {
    get("/api/kinds").then(setKinds, (error) => setProblem(error.message));
  }, []);
  const given = name || `${models[0].label} ${kind}`;
  const add = async (event) => {
    event.preventDefault();
    try {
      const { id } = await post("/api/models", { like: step.id, name: given, kind });
      await loadProject();
      close();
      location.hash = `#/train/${id}`;
    } catch (error) {
      setProblem(error.message);
    }
  };
  const about = kinds.find((one) => one.kind === kind)?.about;
  return html`<${Dialog} title=${t("train.newModel")} close=${close}><form onSubmit=${add}>
    <label>${t("train.model")}<select value=${kind} onChange=${(event) => setKind(event.target.value)}>
      ${kinds.map((one) => html`<option key=${one.kind} value=${one.kind}>${one.kind}</option>`)}</select></label>
    <p class="muted">${about}</p>
    <label>${t("name")}<input type="text" value=${given} maxlength="60" onInput=${(event) => setName(event.target.value)} /></label>
    ${problem && html`<p class="bad" role="alert">${problem}</p>`}
    <footer><button class="button main">${t("add")}</button></footer></form><//>`;
}

// All models of the project side by side: what they draw, their measures, their curves over each other.
function Comparison({ step, models }) {
  const [found, setFound] = useState({});
  const [at, setAt] = useState(null);
  const { jobs } = useStore();
  const running = jobs.some((job) => job.kind === "train" && job.state === "running");
  useEffect(() => {
    let gone = false;
    let timer = 0;
    const read = async () => {
      const every = await Promise.all(models.map((one) => get(`/api/models/${one.id}`).catch((error) => ({ id: one.id, name: one.label, problem: error.message }))));
      if (gone) return;
      setFound(Object.fromEntries(every.map((one) => [one.id, one])));
      if (running) timer = setTimeout(read, 3000);
    };
    read();
    return () => ((gone = true), clearTimeout(timer));
  }, [models.map((one) => one.id + one.detail).join(), running]);
  const shown = models.map((one) => found[one.id]).filter(Boolean);
  const lastOf = (one, key) => {
    const points = one.curves?.[key];
    return points?.length ? number(points[points.length - 1][1], 3) : "–";
  };
  const rows = [
    ["train.model", (one) => (one.kind ? `${one.kind} · ${one.resolution} px` : "–")],
    ["train.iterations", (one) => number(one.iteration)], ["train.time", (one) => clock(one.minutes * 60)],
    ["train.faces", (one) => number(one.faces_seen)],
    ["train.restoredAll", (one) => lastOf(one, "held_out/ssim")], ["train.restoredEyes", (one) => lastOf(one, "held_out/ssim_eyes")],
    ["train.restoredMouth", (one) => lastOf(one, "held_out/ssim_mouth")],
    ["train.distanceB", (one) => lastOf(one, "held_out/to_b")], ["train.distanceA", (one) => lastOf(one, "held_out/to_a")],
  ];
  const curve = (key) => shown.filter((one) => one.curves?.[key]?.length).map((one) => [one.name, one.curves[key]]);
  return html`<div class="models"><header><a class="button" href=${`#/train/${step.id}`}>${t("train.one")}</a></header>
    <div class="sheet-row">${shown.map((one) => html`<figure key=${one.id} class="card"><figcaption><a href=${`#/train/${one.id}`}>${one.name}</a></figcaption>
      ${one.problem ? html`<p class="empty bad">${one.problem}</p>` : one.preview
        ? html`<img src=${`/api/models/${one.id}/preview/${one.preview}`} alt=${t("train.preview", { n: one.saved_at })} />`
        : html`<p class="empty">${t("train.noPreview")}</p>`}</figure>`)}</div>
    <table class="card compare"><thead><tr><th scope="col"></th>${shown.map((one) => html`<th scope="col" key=${one.id}>${one.name}</th>`)}</tr></thead>
      <tbody>${rows.map(([name, value]) => html`<tr key=${name}><th scope="row">${t(name)}</th>${shown.map((one) =>
        html`<td key=${one.id} class="number">${one.problem ? "–" : value(one)}</td>`)}</tr>`)}</tbody></table>
    <div class="charts"><${Chart} title=${t("train.restored")} series=${curve("held_out/ssim")} at=${at} setAt=${setAt} />
      <${Chart} title=${t("train.distanceB")} series=${curve("held_out/to_b")} at=${at} setAt=${setAt} /></div></div>`;
}

const group = (curves, names) => names.filter(([, key]) => curves[key]?.length).map(([name, key]) => [name, curves[key]]);

function Charts({ curves }) {
  const [at, setAt] = useState(null);
  const shared = { at, setAt };
  return html`<div class="charts">
    <${Chart} title=${t("train.loss")} logarithmic=${true} series=${group(curves, [["A", "loss/a"], ["B", "loss/b"]])} ...${shared} />
    <${Chart} title=${t("train.restored")} ...${shared} series=${group(curves, [[t("train.all"), "held_out/ssim"],
      [t("train.eyes"), "held_out/ssim_eyes"], [t("train.mouth"), "held_out/ssim_mouth"]])} />
    <${Chart} title=${t("train.distance")} ...${shared}
      series=${group(curves, [[t("train.toA"), "held_out/to_a"], [t("train.toB"), "held_out/to_b"]])} />
    ${curves.speed?.length > 1 && html`<${Chart} title=${t("train.speed")} series=${[["", curves.speed]]} ...${shared} />`}
  </div>`;
}

// The newest sheet, and below it the way there.
function Sheets({ found }) {
  const last = found.time_lapse.length;
  const [place, setPlace] = useState(null); // null: the newest
  const [sheet, setSheet] = useState(null);
  const [zoom, setZoom] = useState(0);
  const at = place === null || place >= last ? null : found.time_lapse[place];
  useEffect(() => {
    let gone = false;
    if (!found.preview && at === null) return undefined;
    const path = at === null ? `preview/${found.preview}` : `past/${at}`;
    picture(`/api/models/${found.id}/${path}`).then((next) => gone || setSheet(next), () => null);
    return () => (gone = true);
  }, [found.id, found.preview, at]);
  useEffect(() => listen([{ code: "KeyZ", name: t("key.zoom"), run: () => setZoom((old) => (old ? 0 : 1)) }]), []);
  if (!found.preview) return html`<div class="sheets"><p class="empty">${t("train.noPreview")}</p></div>`;
  return html`<div class="sheets">
    <${Viewer} front=${sheet} behind=${null} wipe=${null} zoom=${zoom} size=${sheet ? [sheet.width, sheet.height] : [16, 9]}
      label=${t("train.preview", { n: at ?? found.saved_at })} />
    <div class="lapse"><span class="muted number">${at === null ? t("train.newest") : t("train.at", { n: number(at) })}</span>
      <input type="range" min="0" max=${last} value=${place ?? last} aria-label=${t("train.lapse")} data-global="1"
        onInput=${(event) => setPlace(Number(event.target.value) >= last ? null : Number(event.target.value))} />
      <div class="segments"><button type="button" aria-pressed=${zoom === 0} onClick=${() => setZoom(0)}>${t("fit")}</button>
        <button type="button" aria-pressed=${zoom === 1} onClick=${() => setZoom(1)}>100%</button></div></div></div>`;
}
