// The conversion: its frames as they will be written, and every setting at hand.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get, picture, post } from "../api.js";
import { latest, Pictures } from "../latest.js";
import { listen } from "../keys.js";
import { attempt, loadProject, say, takeJobs, useStore } from "../store.js";
import { said, stageName } from "../messages.js";
import { t } from "../text.js";
import { Bar, Button } from "../ui.js";
import { Player } from "./player.js";
import { Viewer } from "../viewer.js";
import { ConvertForm } from "./convert_form.js";
import { spanOf, spanText } from "./spans.js";
import { Transport } from "./transport.js";

export function Convert({ route }) {
  const { project } = useStore();
  if (!project.made) return html`<p class="empty">${t("convert.none")}</p>`;
  const results = project.steps.filter((step) => step.kind === "convert");
  const chosen = results.find((step) => step.id === route[0]) || results.find((step) => step.state === "done") || results[0];
  if (!chosen) return html`<p class="empty">${t("convert.none")}</p>`;
  return html`<${Result} key=${chosen.id} step=${chosen} results=${results} />`;
}

function Result({ step, results }) {
  const [result, setResult] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    get(`/api/results/${step.id}`).then(setResult, (error) => setProblem(error.message));
  }, [step.id]);
  if (problem) return html`<p class="empty bad">${problem}</p>`;
  if (!result) return html`<p class="empty">${t("loading")}</p>`;
  return html`<${Grading} key=${result.model} result=${result} step=${step} results=${results} reload=${setResult} />`;
}

const place = (id) => `frame ${id}`;

function Grading({ result, step, results, reload }) {
  const base = `/api/results/${result.id}`;
  const [values, setValues] = useState(result.values);
  const [frame, setFrame] = useState(Math.min(result.frames - 1, Number(sessionStorage.getItem(place(result.id))) || 0));
  const [look, setLook] = useState({ stamp: null, ready: false });
  const [shown, setShown] = useState({});
  const [playing, setPlaying] = useState(false);
  const [view, setView] = useState("result");
  const [wipe, setWipe] = useState(0.5);
  const [comparing, setComparing] = useState(false);
  const [zoom, setZoom] = useState(0);
  const [problem, setProblem] = useState(null);
  const [saved, setSaved] = useState(result.values);
  const pictures = useMemo(() => new Pictures(60, picture), []);
  const looking = useMemo(latest, []);
  const showing = useMemo(latest, []);
  const changed = useRef(performance.now());
  const alive = useRef(true);
  const newest = useRef(values);

  // Settings become a stamp, by which frames are asked for; until they can be made, how far it is is shown.
  useEffect(() => {
    alive.current = true;
    newest.current = values; // what was being prepared for others is given up
    looking(async () => {
      try {
        let found = await post(`${base}/look`, { values, frame: keys.current.frame ?? frame });
        setProblem(null);
        while (!found.ready && alive.current && newest.current === values) {
          setLook(found);
          await new Promise((done) => setTimeout(done, 60));
          found = { stamp: found.stamp, ...(await get(`${base}/look/${found.stamp}`)) };
        }
        if (newest.current !== values) return;
        setLook(found);
        if (found.notices?.length) say(found.notices.map((one) => said(one)).join(" "));
      } catch (error) {
        setProblem(error.message);
      }
    });
  }, [values]);
  useEffect(() => () => (alive.current = false), []);

  // The pictures that the view needs. Others stay until the new ones are there.
  useEffect(() => {
    sessionStorage.setItem(place(result.id), frame);
    showing(async () => {
      const detail = view === "detail";
      const wanted = {
        source: (!detail && view !== "result") || (comparing && !detail), result: !detail && view !== "source", mask: view === "mask",
        detail, "source-detail": detail && comparing,
      };
      const found = {};
      try {
        for (const kind of ["source", "source-detail", "mask", "result", "detail"]) {
          const ofSource = kind.startsWith("source");
          if (!wanted[kind] && !(kind === "source" && !look.ready)) continue;
          const near = kind === "result" && !look.ready && look.near?.includes(frame);
          if (!ofSource && !look.ready && !near) continue;
          const stamp = ofSource ? "0" : look.stamp;
          const made = pictures.get(`${base}/frames/${frame}/${stamp}/${near ? "near" : kind}`);
          found[kind] = await (near ? made.catch(() => null) : made); // it may be over
          if (kind === "result") found.near = near && Boolean(found.result);
          if (!found[kind]) delete found[kind];
        }
        setShown((old) => ({ ...(old.frame === frame ? old : {}), ...found, frame, stamp: look.ready ? look.stamp : null }));
        if (look.ready) {
          performance.measure("frame", { start: changed.current, end: performance.now() });
          if (!found.source) pictures.get(`${base}/frames/${frame}/0/source`).catch(() => null); // for comparing
        }
      } catch (error) {
        setProblem(error.message);
      }
    });
  }, [frame, look.stamp, look.ready, look.near?.includes(frame), view, comparing]);

  const go = (n) => {
    changed.current = performance.now();
    setFrame(Math.max(0, Math.min(result.frames - 1, Math.round(n))));
  };
  const edit = (next) => {
    changed.current = performance.now();
    setValues(next);
  };
  const cut = (edge) => {
    const [first, last] = spanOf(values.frames?.ranges, result);
    const range = edge === "in" ? [frame, Math.max(frame, last)] : [Math.min(first, frame), frame];
    edit({ ...values, frames: { discard: values.frames?.discard || false, ranges: [spanText(result, range)] } });
  };
  const keys = useRef({});
  const play = () => (look.ready ? setPlaying((old) => !old) : say(t("convert.preparing")));
  keys.current = { frame, go, cut, zoom, play };
  useEffect(() => listen([
    { code: "ArrowLeft", name: t("key.back"), run: () => keys.current.go(keys.current.frame - 1) },
    { code: "ArrowRight", name: t("key.forward"), run: () => keys.current.go(keys.current.frame + 1) },
    { code: "ArrowLeft", shift: true, name: t("key.back10"), run: () => keys.current.go(keys.current.frame - 10) },
    { code: "ArrowRight", shift: true, name: t("key.forward10"), run: () => keys.current.go(keys.current.frame + 10) },
    { code: "Home", name: t("key.first"), run: () => keys.current.go(0) },
    { code: "End", name: t("key.last"), run: () => keys.current.go(result.frames - 1) },
    { code: "KeyC", name: t("key.compare"), held: setComparing },
    { code: "KeyR", name: t("view.result"), run: () => setView("result") },
    { code: "KeyS", name: t("view.source"), run: () => setView("source") },
    { code: "KeyW", name: t("view.wipe"), run: () => setView("wipe") },
    { code: "KeyM", name: t("view.mask"), run: () => setView("mask") },
    { code: "KeyE", name: t("editor.openFrame"), run: () => (location.hash = `#/editor/${result.faces}/${keys.current.frame}`) },
    { code: "KeyD", name: t("view.detail"), run: () => setView("detail") },
    { code: "Space", name: t("key.play"), run: () => keys.current.play() },
    { code: "KeyZ", name: t("key.zoom"), run: () => setZoom(keys.current.zoom ? 0 : 1) },
    { code: "KeyI", name: t("key.in"), run: () => keys.current.cut("in") },
    { code: "KeyO", name: t("key.out"), run: () => keys.current.cut("out") },
  ]), []);

  const chooseModel = (event) => attempt(async () => {
    const next = await post(`${base}/model`, { model: event.target.value });
    await loadProject();
    reload(next);
  });
  const dirty = JSON.stringify(values) !== JSON.stringify(saved);
  const save = () => attempt(async () => {
    await post(`${base}/settings`, { values });
    setSaved(values);
    await loadProject();
    say(t("convert.saved"));
  });
  const queue = () => attempt(async () => {
    const { queued } = await post(`${base}/queue`, { values });
    setSaved(values);
    takeJobs(await get("/api/jobs"));
    say(queued ? t("jobs.queued", { n: queued }) : t("convert.upToDate"));
  });
  const front = view === "detail" ? (comparing ? shown["source-detail"] : shown.detail) || shown.source
    : comparing || view === "source" ? shown.source : view === "mask" ? shown.mask : shown.result || shown.source;
  const state = problem || (shown.frame === frame && (look.ready || view === "source") ? "" : t("working"));
  return html`<div class="grading">
    <div class="stage">
      <${Viewer} front=${front} behind=${shown.source} wipe=${view === "wipe" && !comparing ? wipe : null} moveWipe=${setWipe}
        zoom=${zoom} size=${[result.width, result.height]} label=${t("view.label", { n: frame, view: t(`view.${view}`) })}>
        ${!look.ready && !problem && html`<${Preparing} look=${look} />`}
        ${problem && html`<p class="over bad" role="alert">${problem}</p>`}
        <span class="corner">${comparing ? t("view.source") : t(`view.${view}`)}${state && !problem && html` <em>${shown.near && shown.frame === frame ? t("convert.near") : state}</em>`}</span>
        ${playing && look.ready && html`<${Player} key=${look.stamp + spanOf(values.frames?.ranges, result)} base=${base} stamp=${look.stamp} result=${result}
          span=${spanOf(values.frames?.ranges, result)} close=${() => setPlaying(false)} go=${go} />`}<//>
      <${Transport} result=${result} frame=${frame} go=${go} span=${spanOf(values.frames?.ranges, result)} play=${play} playing=${playing}
        overrides=${values.overrides}
        chosen=${values.frames !== null} clear=${() => edit({ ...values, frames: null })} cut=${cut}
        view=${view} setView=${setView} zoom=${zoom} setZoom=${setZoom} setComparing=${setComparing}
        state=${state} stamp=${shown.frame === frame ? shown.stamp : null} />
    </div>
    <aside aria-label=${t("settings")}>
      <header><select aria-label=${t("kind.convert")} value=${step.id}
        onChange=${(event) => (location.hash = `#/convert/${event.target.value}`)}>
        ${results.map((one) => html`<option key=${one.id} value=${one.id}>${one.label}</option>`)}</select>
        <span class="muted">${t("convert.gets", { name: result.person })}</span>
        <a class="button" href=${`#/editor/${result.faces}/${frame}`}>${t("editor.openFrame")}</a>
        ${result.models.length > 1 && html`<label class="inline">${t("kind.train")}<select value=${result.model} onChange=${chooseModel}>
          ${result.models.map((one) => html`<option key=${one.id} value=${one.id}>${one.name}</option>`)}</select></label>`}</header>
      <${ConvertForm} result=${result} values=${values} change=${edit} frame=${frame} />
      <footer><span class="muted" role="status">${dirty ? t("convert.unsaved") : ""}</span><span class="space"></span>
        <${Button} disabled=${!dirty || problem} onClick=${save}>${t("convert.save")}<//>
        <${Button} icon="play" tone="main" disabled=${Boolean(problem)} onClick=${queue}>${t("convert.queue")}<//></footer>
    </aside></div>`;
}

function Preparing({ look }) {
  const share = look.total ? look.done / look.total : null;
  return html`<div class="over" role="status"><p>${t("convert.preparing")}</p>
    <p class="muted">${look.stage ? stageName(look.stage) : ""}
      ${look.total ? ` ${look.done} / ${look.total}` : ""}</p>
    <${Bar} share=${share} label=${t("convert.preparing")} /></div>`;
}
