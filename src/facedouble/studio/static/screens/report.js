// What the evaluation found: verdict, worst frames, curves over the frames; several results beside each other.

import { html, useEffect, useMemo, useState } from "../vendor/preact-htm.js";
import { get } from "../api.js";
import { Chart } from "../chart.js";
import { useStore } from "../store.js";
import { said } from "../messages.js";
import { t } from "../text.js";
import { Button } from "../ui.js";
import { run } from "./project.js";

export function Report({ route }) {
  const { project } = useStore();
  const steps = project.made ? project.steps.filter((step) => step.kind === "evaluate") : [];
  if (!steps.length) return html`<p class="empty">${t("report.none")}</p>`;
  const chosen = steps.find((step) => step.id === route[0]) || steps.find((step) => step.state === "done") || steps[0];
  return html`<${One} key=${chosen.id + chosen.state} step=${chosen} steps=${steps} compare=${route[1] === "compare"} />`;
}

function One({ step, steps, compare }) {
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    get(compare ? "/api/reports" : `/api/reports/${step.id}`).then(setFound, (error) => setProblem(error.message));
  }, [step.id, compare]);
  useEffect(() => setFound(null), [compare]);
  const to = (id, rest = "") => (location.hash = `#/report/${id}${rest}`);
  const ready = found && Array.isArray(found) === compare;
  return html`<div class="report-page"><header>
    <select aria-label=${t("kind.evaluate")} value=${step.id} onChange=${(event) => to(event.target.value)}>
      ${steps.map((one) => html`<option key=${one.id} value=${one.id}>${one.label}</option>`)}</select>
    <div class="segments" role="group"><button type="button" aria-pressed=${!compare} onClick=${() => to(step.id)}>${t("report.one")}</button>
      <button type="button" aria-pressed=${compare} onClick=${() => to(step.id, "/compare")}>${t("report.compare")}</button></div></header>
    ${problem ? html`<p class="empty">${problem} ${["missing", "unfinished"].includes(step.state) && html`<br /><br /><${Button} icon="play"
        onClick=${() => run({ steps: [step.id] })}>${t("report.measure")}<//>`}</p>`
      : !ready ? html`<p class="empty">${t("loading")}</p>`
      : compare ? html`<${Comparison} reports=${found} />` : html`<${Findings} step=${step} found=${found} />`}</div>`;
}

const Rate = ({ rate }) => (rate === "unknown" ? null : html`<span class=${`rate ${rate}`}>${t(`rate.${rate}`)}</span>`);

function Findings({ step, found }) {
  const [at, setAt] = useState(null);
  const [frame, setFrame] = useState(found.worst[0]?.frame ?? found.pictures[0] ?? 0);
  const base = `/api/reports/${step.id}/pictures`;
  const nearest = (wanted) => found.pictures.reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best), found.pictures[0] ?? 0);
  useEffect(() => {
    if (at !== null) setFrame(nearest(at));
  }, [at]);
  const curves = useMemo(() => found.rows.filter((row) => found.series[row.name]).map((row) => [row,
    found.frames.map((number, n) => [number, found.series[row.name][n]]).filter(([, y]) => y !== null)]), [found]);
  const place = found.frames.indexOf(frame);
  return html`<div class="findings">
    <section class="card verdict"><h2><${Rate} rate=${found.rate} /> ${said(found.sentences[0])}</h2>
      <ul>${found.sentences.slice(1).map((one) => html`<li key=${one}>${said(one)}</li>`)}</ul></section>
    <section class="card look"><div class="pair">${["source", "result"].map((which) => html`<figure key=${which}>
        <img src=${`${base}/${which}/${frame}`} alt=${t("report.picture", { which: t(`view.${which}`), n: frame })} />
        <figcaption>${t(`view.${which}`)}</figcaption></figure>`)}</div>
      <label class="inline"><span class="number">${t("frame")} ${frame}</span><input type="range" min="0" max=${found.pictures.length - 1}
        value=${Math.max(0, found.pictures.indexOf(frame))} aria-label=${t("frame")} onInput=${(event) => setFrame(found.pictures[event.target.value])} /></label>
      <h3>${t("report.worst")}</h3><ul class="worst">${found.worst.map((one) => html`<li key=${one.frame}><button type="button" title=${said(one.why)}
        aria-pressed=${one.frame === frame} onClick=${() => setFrame(one.frame)}><img src=${`${base}/result/${one.frame}`} alt="" />
        <span><b class="number">${one.frame}</b> ${said(one.why)}</span></button></li>`)}</ul></section>
    <section class="measures">${curves.map(([row, points]) => html`<${Chart} key=${row.name} title=${said(row.title)} series=${[["", points]]} aside=${html`<${Rate} rate=${row.rate} /> ${row.value}`}
      at=${at ?? (place < 0 ? null : frame)} setAt=${setAt} />`)}</section></div>`;
}

function Comparison({ reports }) {
  if (!reports.length) return html`<p class="empty">${t("report.noneYet")}</p>`;
  const names = [...new Map(reports.flatMap((report) => report.rows).map((row) => [row.name, row])).values()];
  return html`<table class="card compare"><thead><tr><th scope="col">${t("report.measureName")}</th>
    ${reports.map((report) => html`<th scope="col" key=${report.id}><a href=${`#/report/${report.id}`}>${report.name}</a> <${Rate} rate=${report.rate} /></th>`)}
    <th scope="col">${t("rate.good")}</th></tr></thead><tbody>${names.map((row) => html`<tr key=${row.name}><th scope="row">${said(row.title)}</th>
    ${reports.map((report) => {
      const own = report.rows.find((one) => one.name === row.name);
      return html`<td key=${report.id} class="number">${own ? html`${said(own.value)} <${Rate} rate=${own.rate} />` : "–"}</td>`;
    })}<td class="muted">${said(row.good)}</td></tr>`)}</tbody></table>`;
}
