// The frame around the screens: which one is shown, the header, the keys that work everywhere.

import { html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { enter, enterByPassword, watchJobs } from "./api.js";
import { allKeys, keyName, listen } from "./keys.js";
import { change, loadProject, takeJobs, titleOf, useStore } from "./store.js";
import { clock, language, setLanguage, t } from "./text.js";
import { Bar, Button, Dialog, Icon } from "./ui.js";
import { screens } from "./screens/all.js";

const theme = () => document.documentElement.dataset.theme ||
  (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem("theme", name);
}
if (localStorage.getItem("theme")) setTheme(localStorage.getItem("theme"));

function useRoute() {
  const read = () => location.hash.replace(/^#\//, "").split("/");
  const [route, setRoute] = useState(read());
  useEffect(() => {
    const moved = () => setRoute(read());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return route;
}

function App() {
  const [state, setState] = useState("loading");
  const [help, setHelp] = useState(false);
  const [, redraw] = useState(0);
  const [name, ...rest] = useRoute();
  const { project, jobs, connected, toast } = useStore();

  useEffect(() => {
    const locked = () => setState("locked");
    const tryKey = () => enter().then(({ open, password }) => setState(open ? "open" : password ? "password" : "locked"), locked);
    const moved = () => location.hash.startsWith("#key=") && tryKey();
    addEventListener("studio-locked", locked);
    addEventListener("hashchange", moved);
    tryKey();
    return () => (removeEventListener("studio-locked", locked), removeEventListener("hashchange", moved));
  }, []);
  useEffect(() => {
    if (state !== "open") return undefined;
    loadProject();
    return watchJobs(takeJobs, (connected) => change({ connected }));
  }, [state]);
  useEffect(() => listen([
    ...screens.map((screen, n) => ({
      code: `Digit${n + 1}`, name: t(`screen.${screen.name}`), run: () => (location.hash = `#/${screen.name}`),
    })),
    { code: "Slash", shift: true, name: t("keys.help"), run: () => setHelp(true) },
    { code: "KeyT", shift: true, name: t("keys.theme"), run: flip },
  ]), []);

  const flip = () => (setTheme(theme() === "dark" ? "light" : "dark"), redraw((n) => n + 1));
  if (state === "loading") return null;
  if (state === "locked") return html`<${Locked} />`;
  if (state === "password") return html`<${Password} opened=${() => setState("open")} />`;
  const screen = screens.find((one) => one.name === name) || screens[0];
  document.title = `${t(`screen.${screen.name}`)} · ${project?.name || "facedouble studio"}`;
  return html`<div class="frame">
    <header class="top">
      <strong>${project?.name || "facedouble"}</strong>
      <span class="muted">${project?.made ? project.folder : ""}</span>
      <span class="space"></span>
      <${Running} jobs=${jobs} />
      ${!connected && html`<span class="offline" role="status">${t("offline")}</span>`}
      <${Button} label=${t("language")} onClick=${() => setLanguage(language === "en" ? "zh" : "en")}>
        ${language === "en" ? "中文" : "English"}<//>
      <${Button} icon=${theme() === "dark" ? "sun" : "moon"} label=${t("keys.theme")} onClick=${flip} />
      <${Button} icon="help" label=${t("keys.help")} onClick=${() => setHelp(true)} />
    </header>
    <nav aria-label=${t("screens")}>${screens.map((one) => html`<a href=${`#/${one.name}`}
      aria-current=${one === screen ? "page" : undefined}><${Icon} name=${one.name} />
      <span>${t(`screen.${one.name}`)}</span></a>`)}</nav>
    <main class=${`screen ${screen.name}`}>${project
      ? html`<${screen.component} key=${screen.name} route=${rest} />` : html`<p class="empty">${t("loading")}</p>`}
    </main>
    <div class="toasts" role="status" aria-live="polite">${toast &&
      html`<div class=${`toast ${toast.tone}`}>${toast.text}</div>`}</div>
    ${help && html`<${Help} close=${() => setHelp(false)} />`}
  </div>`;
}

// What is running now, wherever one is.
function Running({ jobs }) {
  const job = jobs.find((one) => one.state === "running");
  const waiting = jobs.filter((one) => one.state === "queued").length;
  if (!job) return waiting ? html`<a class="running" href="#/jobs">${t("jobs.waiting", { n: waiting })}</a>` : null;
  const { progress } = job;
  const share = progress?.total ? progress.done / progress.total : null;
  return html`<a class="running" href="#/jobs"><span>${titleOf(job)}</span>
    <${Bar} share=${share} label=${titleOf(job)} />
    <span class="number">${progress?.left != null ? clock(progress.left) : ""}</span>
    ${waiting ? html`<span class="muted">+${waiting}</span>` : ""}</a>`;
}

const Locked = () => html`<div class="locked"><h1>${t("locked")}</h1><p>${t("locked.how")}</p>
  <code>facedouble studio</code></div>`;

function Password({ opened }) {
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState("");
  const come = async (event) => {
    event.preventDefault();
    try {
      await enterByPassword(password);
      opened();
    } catch (error) {
      setProblem(error.message);
    }
  };
  return html`<div class="locked"><h1>${t("locked")}</h1><form onSubmit=${come}>
    <label>${t("password")}<input type="password" autocomplete="current-password" value=${password} autofocus
      onInput=${(event) => setPassword(event.target.value)} /></label>
    ${problem && html`<p class="bad" role="alert">${problem}</p>`}
    <button class="button main" disabled=${!password}>${t("enter")}</button></form></div>`;
}

const Help = ({ close }) => html`<${Dialog} title=${t("keys.help")} close=${close}>
  <dl class="keys">${allKeys().map((key) => html`<div><dt><kbd>${keyName(key)}</kbd></dt><dd>${key.name}</dd></div>`)}
  </dl><//>`;

render(html`<${App} />`, document.getElementById("app"));
