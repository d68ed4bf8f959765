// What several screens show: the project and its jobs. Components read it with useStore.

import { useEffect, useState } from "./vendor/preact-htm.js";
import { get } from "./api.js";
import { said } from "./messages.js";
import { has, t } from "./text.js";

const state = { project: null, jobs: [], connected: true, toast: null };
const watchers = new Set();

export function useStore() {
  const [, redraw] = useState(0);
  useEffect(() => {
    const watcher = () => redraw((n) => n + 1);
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, []);
  return state;
}

export function change(values) {
  Object.assign(state, values);
  for (const watcher of watchers) watcher();
}

export async function loadProject() {
  try {
    change({ project: await get("/api/project") });
  } catch (error) {
    if (state.project === null) change({ project: { made: null, error: error.message } });
    else say(error.message, "bad");
  }
}

// All jobs as they are now. One that began or ended has changed the project.
export function takeJobs(jobs) {
  if (!Array.isArray(jobs)) return say(said(jobs.error), "bad");
  const stamp = (list) => list.map((job) => `${job.id}${job.state}`).join();
  const changed = stamp(jobs) !== stamp(state.jobs);
  change({ jobs });
  if (changed) loadProject();
}

let timer = 0;
export function say(text, tone = "good") {
  clearTimeout(timer);
  change({ toast: { text, tone } });
  timer = setTimeout(() => change({ toast: null }), tone === "bad" ? 9000 : 4000);
}

// Runs what a person asked for; what goes wrong is said.
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") say(error.message, "bad");
    return undefined;
  }
}

// The jobs that a queued one waits for in vain: they were stopped, or failed.
export const blockers = (job, jobs) => (job.state === "queued"
  ? jobs.filter((one) => job.after.includes(one.id) && ["failed", "cancelled", "lost"].includes(one.state)) : []);

// What a job does, in the reader's language.
export function titleOf(job) {
  const [kind, ...name] = job.title.split(" ");
  return name.length && has(`job.${kind}`) ? t(`job.${kind}`, { name: name.join(" ") }) : said(job.title);
}

export const jobOf = (step) => [...state.jobs].reverse().find((job) => job.step === step);
