// Which poses a clip shows, and which of them the other person's clips show and it lacks.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { get } from "../api.js";
import { useStore } from "../store.js";
import { number, t } from "../text.js";

const YAW = 11, PITCH = 9; // cells; of 10 and 8 degrees
const place = (value, count, width) => Math.max(0, Math.min(count - 1, Math.floor(value / width + count / 2)));
const cellOf = (table, n) => place(-table.pitch[n], PITCH, 8) * YAW + place(table.yaw[n], YAW, 10);

export const inCell = (table, n, cell) => cellOf(table, n) === cell.at;

function counted(table) {
  const counts = new Array(YAW * PITCH).fill(0);
  for (let n = 0; n < table.frame.length && table.measured; n++) if (table.state[n] === "k") counts[cellOf(table, n)] += 1;
  return counts;
}

export function Coverage({ step, steps, table, cell, setCell }) {
  const { project } = useStore();
  const personOf = (id) => project.people.find((person) => person.clips.some((clip) => clip.step === id));
  const own = personOf(step.id);
  const others = project.people.filter((person) => person !== own).flatMap((person) => person.clips.map((clip) => clip.step));
  const [theirs, setTheirs] = useState(null);
  useEffect(() => {
    let gone = false;
    const wanted = steps.filter((one) => others.includes(one.id) && one.state === "done");
    Promise.all(wanted.map((one) => get(`/api/facesets/${one.id}`).catch(() => null))).then((found) => {
      if (gone || !wanted.length) return;
      const sum = new Array(YAW * PITCH).fill(0);
      for (const other of found.filter(Boolean)) counted(other).forEach((count, at) => (sum[at] += count));
      setTheirs(sum);
    });
    return () => (gone = true);
  }, [step.id]);
  const here = counted(table);
  const most = Math.max(1, ...here);
  const lacks = (at) => theirs && theirs[at] > 2 && here[at] === 0;
  const lacking = theirs ? theirs.filter((count, at) => lacks(at)).length : 0;
  const describe = (at) => t("cover.cell", {
    yaw: ((at % YAW) - (YAW - 1) / 2) * 10, pitch: -(Math.floor(at / YAW) - (PITCH - 1) / 2) * 8,
    n: here[at], other: theirs ? theirs[at] : "–",
  });
  return html`<aside class="coverage" aria-label=${t("cover.title")}><h3>${t("cover.title")}</h3>
    <div class="poses" role="group">${here.map((count, at) => html`<button type="button" key=${at} title=${describe(at)} aria-label=${describe(at)}
      aria-pressed=${cell?.at === at} class=${lacks(at) ? "lacks" : ""} disabled=${!count && !lacks(at)}
      onClick=${() => setCell(cell?.at === at ? null : { at })} style=${{ "--share": count ? 0.25 + 0.75 * Math.sqrt(count / most) : 0 }}>
      ${count ? number(count) : ""}</button>`)}</div>
    <div class="axes muted"><span>${t("cover.left")}</span><span>${t("cover.right")}</span></div>
    <p class="muted">${t("cover.how")}</p>
    <p>${theirs && table.measured ? (lacking ? t("cover.lacks", { n: lacking }) : t("cover.enough")) : ""}</p></aside>`;
}
