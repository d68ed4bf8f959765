// The project: people, clips, consent; where each step stands, what comes next; what this machine has.

import { html, useState } from "../vendor/preact-htm.js";
import { get, post } from "../api.js";
import { attempt, blockers, change, jobOf, say, takeJobs, useStore } from "../store.js";
import { said } from "../messages.js";
import { t } from "../text.js";
import { Bar, Button, CommandLine, Dialog, PathField, State } from "../ui.js";
import { NewProject } from "./new_project.js";

export function Project() {
  const { project, jobs } = useStore();
  if (project.made === null) return html`<p class="empty bad">${project.error}</p>`;
  if (!project.made) return html`<${NewProject} folder=${project.folder} />`;
  return html`<div class="columns">
    <section aria-label=${t("people")}>
      ${project.people.map((person, n) => html`<${Person} key=${person.id} person=${person} seen=${n === 0} />`)}
      <${Machine} />
    </section>
    <${Steps} project=${project} jobs=${jobs} />
  </div>`;
}

function Person({ person, seen }) {
  const [adding, setAdding] = useState(null);
  const { project } = useStore();
  const stepOf = (clip) => project.steps.find((step) => step.id === clip.step);
  return html`<article class="card person">
    <header><h2>${person.name}</h2><span class="role">${t(seen ? "role.a" : "role.b")}</span>
      <span class="space"></span>
      <${Button} icon="add" label=${t("clip.add")} onClick=${() => setAdding("clips")} /></header>
    <ul class="clips">${person.clips.map((clip) => html`<li key=${clip.path}>
      <span class="name" title=${clip.path}>${clip.name}</span>
      ${!clip.train && html`<span class="tag">${t("clip.notTrained")}</span>`}
      <span class="muted">${said(stepOf(clip)?.detail)}</span></li>`)}</ul>
    <footer class=${`consent ${person.consent}`}>
      <span>${t(`consent.${person.consent}`)}</span>
      <button type="button" class="link" onClick=${() => setAdding("consent")}>${t("consent.record")}</button>
    </footer>
    ${adding && html`<${AddPath} person=${person} what=${adding} close=${() => setAdding(null)} />`}
  </article>`;
}

function AddPath({ person, what, close }) {
  const [path, setPath] = useState("");
  const title = t(what === "clips" ? "clip.add" : "consent.record");
  const [problem, setProblem] = useState("");
  const add = async (event) => {
    event.preventDefault();
    try {
      change({ project: await post(`/api/${what}`, { person: person.id, path }) });
      close();
    } catch (error) {
      setProblem(error.message);
    }
  };
  return html`<${Dialog} title=${`${title} · ${person.name}`} close=${close}>
    <form onSubmit=${add}><${PathField} id="added" value=${path} change=${setPath} label=${title} />
      ${problem && html`<p class="bad" role="alert">${problem}</p>`}
      <p class="muted">${t(what === "clips" ? "clip.stays" : "consent.hash")}</p>
      <footer><button class="button main" disabled=${!path}>${t("add")}</button></footer></form><//>`;
}

export const run = (body) => attempt(async () => {
  const queued = await post("/api/jobs/run", body);
  takeJobs(await get("/api/jobs"));
  say(queued.length ? t("jobs.queued", { n: queued.length }) : t("nothing"));
});

function Steps({ project, jobs }) {
  const busy = jobs.some((job) => job.state === "running" || (job.state === "queued" && !blockers(job, jobs).length));
  const next = project.steps.find((step) => ["missing", "unfinished"].includes(step.state));
  return html`<section class="steps" aria-label=${t("steps")}>
    <header class="next"><div><h2>${busy ? t("next.busy") : next ? t("next.todo", { n: project.to_do }) :
      project.stale ? t("next.stale", { n: project.stale }) : t("next.done")}</h2>
      <p class="muted">${next && !busy ? t(`next.${next.kind}`, { name: next.label }) : ""}</p></div>
      ${busy ? html`<a class="button" href="#/jobs">${t("jobs.show")}</a>` : next
        ? html`<${Button} icon="play" tone="main" onClick=${() => run({})}>${t("run.all")}<//>`
        : project.stale ? html`<${Button} icon="again" onClick=${() => run({ stale: true })}>${t("run.stale")}<//>` : ""}
    </header>
    ${["extract", "train", "convert", "evaluate"].map((kind) => {
      const steps = project.steps.filter((step) => step.kind === kind);
      return steps.length > 0 && html`<section key=${kind}><h3>${t(`kind.${kind}`)}</h3>
        <ul>${steps.map((step) => html`<${Step} key=${step.id} step=${step} />`)}</ul></section>`;
    })}</section>`;
}

function Step({ step }) {
  const [open, setOpen] = useState(false);
  const job = jobOf(step.id);
  const active = job && ["queued", "running"].includes(job.state) ? job : null;
  const share = active?.progress?.total ? active.progress.done / active.progress.total : null;
  const todo = ["missing", "unfinished"].includes(step.state);
  const about = [step.detail, ...step.reasons].filter(Boolean).map((one) => said(one)).join(" · ");
  const place = { train: "train", convert: "convert", evaluate: "report", extract: "faces" }[step.kind];
  return html`<li class="step">
    <${State} state=${active ? active.state : step.state} />
    <div class="what"><strong>${step.label}</strong><span class="muted">${about}</span>
      ${active?.state === "running" && html`<${Bar} share=${share} label=${step.name} />`}</div>
    <div class="actions">
      ${!active && todo && html`<${Button} icon="play" label=${t("run.one")} onClick=${() => run({ steps: [step.id] })} />`}
      ${!active && step.state === "stale" && html`<${Button} icon="again" label=${t("run.again")}
        onClick=${() => run({ steps: [step.id], stale: true })} />`}
      <${Button} icon=${open ? "up" : "down"} label=${t("line")} aria-expanded=${open} onClick=${() => setOpen(!open)} />
      ${shown(place) && html`<a class="button bare" href=${`#/${place}/${step.id}`} aria-label=${`${t("open")} ${step.name}`}>${t("open")}</a>`}
    </div>
    ${open && html`<${CommandLine} line=${step.line} />`}
  </li>`;
}

const shown = (place) => document.querySelector(`nav a[href="#/${place}"]`) !== null;

function Machine() {
  const [found, setFound] = useState(null);
  const look = (event) => {
    if (event.target.open && !found) attempt(async () => setFound(await get("/api/machine")));
  };
  return html`<details class="card machine" onToggle=${look}><summary>${t("machine")}</summary>
    ${found ? html`<dl>${found.map((it) => html`<div class=${it.state}><dt>${it.name}</dt>
      <dd>${it.value}${it.remedy && html`<em>${it.remedy}</em>`}</dd></div>`)}</dl>` : html`<p>…</p>`}</details>`;
}
