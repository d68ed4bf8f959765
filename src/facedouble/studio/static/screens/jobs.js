// The queue: order, progress, time left, logs; stop, resume, move.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { get, post } from "../api.js";
import { said, stageName } from "../messages.js";
import { attempt, blockers, takeJobs, titleOf, useStore } from "../store.js";
import { clock, number, t } from "../text.js";
import { Bar, Button, CommandLine, State } from "../ui.js";

const act = (path, body) => attempt(async () => takeJobs(await post(`/api/jobs/${path}`, body)));

export function Jobs() {
  const { jobs } = useStore();
  const groups = [
    ["running", jobs.filter((job) => job.state === "running")],
    ["next", jobs.filter((job) => job.state === "queued")],
    ["ended", jobs.filter((job) => !["running", "queued"].includes(job.state)).reverse()],
  ];
  if (!jobs.length) return html`<p class="empty">${t("jobs.none")}</p>`;
  return html`<div class="queue">${groups.map(([name, group]) => group.length > 0 && html`<section key=${name}>
    <header><h2>${t(`jobs.${name}`)}</h2><span class="space"></span>
      ${name === "ended" && html`<${Button} onClick=${() => act("clear")}>${t("jobs.clear")}<//>`}
      ${name === "next" && !groups[0][1].length && html`<${Button} icon="play" onClick=${() => act("wake")}>
        ${t("jobs.wake")}<//>`}</header>
    <ul>${group.map((job, n) => html`<${Job} key=${job.id} job=${job} before=${group[n - 1]} after=${group[n + 1]}
      beyond=${group[n + 2]} />`)}</ul></section>`)}</div>`;
}

function Job({ job, before, after, beyond }) {
  const [open, setOpen] = useState(false);
  const { progress } = job;
  const running = job.state === "running";
  const share = progress?.total ? progress.done / progress.total : running ? null : 0;
  return html`<li class="job">
    <${State} state=${job.stopping ? "stopping" : job.paused ? "paused" : job.state} />
    <div class="what"><strong>${titleOf(job)}</strong><${About} job=${job} />
      ${running && html`<${Bar} share=${share} label=${titleOf(job)} />`}
      ${job.error && html`<p class="bad">${said(job.error)}</p>`}</div>
    <div class="actions">
      ${job.state === "queued" && before && html`<${Button} icon="up" label=${t("jobs.up")}
        onClick=${() => act(`${job.id}/move`, { before: before.id })} />`}
      ${job.state === "queued" && after && html`<${Button} icon="down" label=${t("jobs.down")}
        onClick=${() => act(`${job.id}/move`, { before: beyond ? beyond.id : null })} />`}
      ${["failed", "cancelled", "lost"].includes(job.state) && html`<${Button} icon="play"
        onClick=${() => act(`${job.id}/resume`)}>${t("jobs.resume")}<//>`}
      ${["running", "queued"].includes(job.state) && html`<${Button} icon="stop" disabled=${job.stopping}
        onClick=${() => act(`${job.id}/stop`)}>${t(running ? "jobs.stop" : "jobs.cancel")}<//>`}
      <${Button} icon=${open ? "up" : "down"} label=${t("jobs.log")} aria-expanded=${open}
        onClick=${() => setOpen(!open)} /></div>
    ${open && html`<div class="more"><${Notices} job=${job} /><${CommandLine} line=${job.line} /><${Log} job=${job} /></div>`}
  </li>`;
}

// In numbers how far a job is, or how long it took.
function About({ job }) {
  const { jobs } = useStore();
  const [, tick] = useState(0);
  useEffect(() => {
    if (job.state !== "running") return undefined;
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [job.state]);
  const now = Date.now() / 1000;
  const parts = [];
  if (job.state === "running" && job.progress) {
    const { stage, done, total, unit, left, at } = job.progress;
    parts.push(stageName(stage));
    parts.push(`${number(done, 1)}${total ? ` / ${number(total, 1)}` : ""} ${t(`unit.${unit}`).replace(/^unit\./, "")}`);
    parts.push(left === null ? t("left.unknown") : t("left", { time: clock(left - (now - at)) }));
  }
  if (job.started) parts.push(t(job.ended ? "took" : "takes", { time: clock((job.ended || now) - job.started) }));
  const held = blockers(job, jobs);
  if (held.length) parts.push(t("jobs.held", { jobs: held.map(titleOf).join(", ") }));
  else if (job.state === "queued") {
    const after = jobs.filter((one) => job.after.includes(one.id) && one.state !== "done");
    if (after.length) parts.push(t("jobs.after", { jobs: after.map(titleOf).join(", ") }));
  }
  return html`<span class="muted number">${parts.join(" · ")}</span>`;
}

// What a job found that a person should know.
function Notices({ job }) {
  const [notices, setNotices] = useState([]);
  useEffect(() => {
    let gone = false;
    let timer = 0;
    const read = async () => {
      const found = await get(`/api/jobs/${job.id}/notices`).catch(() => null);
      if (gone) return;
      if (found) setNotices(found);
      if (job.state === "running") timer = setTimeout(read, 3000);
    };
    read();
    return () => ((gone = true), clearTimeout(timer));
  }, [job.id, job.state]);
  return notices.length > 0 && html`<ul class="notices" aria-label=${t("jobs.notices")}>${notices.map((one, n) => html`
    <li key=${n} class=${one.severity}>${said(one.text)}</li>`)}</ul>`;
}

// What a job prints, followed while it is shown.
function Log({ job }) {
  const [text, setText] = useState("");
  const place = useRef(null);
  useEffect(() => {
    setText("");
    let end = 0;
    let gone = false;
    let timer = 0;
    const read = async () => {
      const found = await get(`/api/jobs/${job.id}/log?from=${end}`).catch(() => null);
      if (gone) return;
      if (found && found.text) (setText((old) => (old + found.text).slice(-200000)), (end = found.end));
      if (job.state === "running") timer = setTimeout(read, 1000);
    };
    read();
    return () => ((gone = true), clearTimeout(timer));
  }, [job.id, job.state]);
  useEffect(() => {
    const box = place.current;
    if (box) box.scrollTop = box.scrollHeight;
  }, [text]);
  return html`<pre class="log" ref=${place} tabindex="0" aria-label=${t("jobs.log")}>${text || t("jobs.noLog")}</pre>`;
}
