// A training as it goes: preview sheet, curves, how far it is; the time-lapse; train on.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { get, picture, post } from "../api.js";
import { Chart } from "../chart.js";
import { listen } from "../keys.js";
import { attempt, jobOf, takeJobs, useStore } from "../store.js";
import { clock, number, t } from "../text.js";
import { Bar, Button, State } from "../ui.js";
import { Viewer } from "../viewer.js";
import { run } from "./project.js";

export function Train({ route }) {
  const { project } = useStore();
  const models = project.made ? project.steps.filter((step) => step.kind === "train") : [];
  const chosen = models.find((step) => step.id === route[0]) || models[0];
  if (!chosen) return html`<p class="empty">${t("train.none")}</p>`;
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
  return html`<section class="head"><header>
    ${models.length > 1 ? html`<select aria-label=${t("kind.train")} value=${step.id}
      onChange=${(event) => (location.hash = `#/train/${event.target.value}`)}>
      ${models.map((one) => html`<option key=${one.id} value=${one.id}>${one.label}</option>`)}</select>`
      : html`<h2>${found.name}</h2>`}
    <span class="space"></span><${State} state=${active ? (active.stopping ? "stopping" : active.state) : step.state} /></header>
    ${active?.state === "running" && html`<${Bar} share=${share} label=${step.name} />`}
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="number">${value}</dd></div>`)}</dl>
    <div class="go">${active
      ? html`<${Button} icon="stop" disabled=${active.stopping} onClick=${() => act("stop")}>${t("train.stop")}<//>
        <span class="muted">${t("train.stopSaves")}</span>`
      : html`<label>${t("train.until")}<input type="number" min="1" step="1" value=${limit}
          onInput=${(event) => setMinutes(Number(event.target.value) || null)} /></label><span>${t("unit.minutes")}</span>
        <span class="space"></span><${Button} icon="play" tone="main" disabled=${step.state === "done" && minutes === null && !resumable}
          onClick=${go}>${t(found.iteration ? "train.on" : "train.start")}<//>`}</div>
  </section>`;
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
