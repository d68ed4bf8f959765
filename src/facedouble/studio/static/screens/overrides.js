// Other settings for ranges of frames and for single people.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { get } from "../api.js";
import { Field } from "../forms.js";
import { t } from "../text.js";
import { Button, Typed } from "../ui.js";
import { spanOf, spanText } from "./spans.js";

const names = ["converter", "detail", "retargeting", "blend", "occlusion"];

// The tracks of each person of a clip: [[name, [track, ...]], ...], those with most faces first.
function usePeople(faces) {
  const [people, setPeople] = useState([]);
  useEffect(() => {
    let gone = false;
    Promise.all(faces.map((id) => get(`/api/facesets/${id}`).catch(() => null))).then((tables) => {
      const tracks = new Map();
      for (const table of tables.filter(Boolean)) {
        table.track.forEach((track, n) => {
          if (table.state[n] !== "k") return;
          const name = n in table.names ? table.names[n] : t("faces.personN", { n: table.person[n] });
          tracks.set(name, (tracks.get(name) || new Set()).add(track));
        });
      }
      if (!gone) setPeople([...tracks].map(([name, found]) => [name, [...found].sort((a, b) => a - b)]));
    });
    return () => (gone = true);
  }, [faces.join()]);
  return people;
}

export function Overrides({ result, values, change, frame }) {
  const people = usePeople([result.faces]);
  const list = values.overrides;
  const set = (n, next) => change({ ...values, overrides: list.map((old, i) => (i === n ? next : old)) });
  const add = () => {
    const last = Math.min(result.frames - 1, frame + 25);
    const made = { ranges: [spanText(result, [frame, last])], track: [], retargeting: values.retargeting };
    change({ ...values, overrides: [...list, made] });
  };
  return html`<div class="overrides"><p class="muted">${t("over.about")}</p>
    ${list.map((one, n) => html`<${Override} key=${n} n=${n} one=${one} people=${people} result=${result} values=${values} frame=${frame}
      set=${(next) => set(n, next)} remove=${() => change({ ...values, overrides: list.filter((_, i) => i !== n) })} />`)}
    <${Button} icon="add" onClick=${add}>${t("over.add")}<//></div>`;
}

function Override({ n, one, people, result, values, frame, set, remove }) {
  const { $defs: defs, properties } = result.schema;
  const own = names.filter((name) => one[name] !== null && one[name] !== undefined);
  const [first, last] = spanOf(one.ranges, result);
  const same = (a, b) => a.length === b.length && a.every((track, i) => track === b[i]);
  const who = people.find(([, tracks]) => same(tracks, one.track));
  const ranged = (range) => set({ ...one, ranges: [spanText(result, range)] });
  const toggle = (name) => {
    const next = { ...one, [name]: own.includes(name) ? null : values[name] };
    if (names.some((each) => next[each] !== null && next[each] !== undefined)) set(next);
  };
  return html`<fieldset class="card override"><legend>${t("over.title", { n: n + 1 })}</legend>
    <label>${t("over.frames")}<span class="row"><${Typed} type="text" value=${one.ranges.join(", ")} placeholder=${t("over.everyFrame")}
      take=${(text) => set({ ...one, ranges: text.split(/[\s,]+/).filter(Boolean) })} />
      <${Button} label=${t("key.in")} onClick=${() => ranged([frame, Math.max(frame, last)])}>${t("in")}<//>
      <${Button} label=${t("key.out")} onClick=${() => ranged([Math.min(first, frame), frame])}>${t("out")}<//></span></label>
    <label>${t("faces.person")}<select value=${one.track.length ? (who ? who[0] : "?") : ""}
      onChange=${(event) => set({ ...one, track: (people.find(([name]) => name === event.target.value) || [, []])[1] })}>
      <option value="">${t("faces.everybody")}</option>
      ${people.map(([name]) => html`<option key=${name} value=${name}>${name}</option>`)}
      ${one.track.length > 0 && !who && html`<option value="?">${t("over.tracks", { tracks: one.track.join(", ") })}</option>`}</select></label>
    <div class="picks" role="group" aria-label=${t("over.what")}>${names.map((name) => html`<button type="button" key=${name} aria-pressed=${own.includes(name)}
      disabled=${own.length === 1 && own[0] === name} onClick=${() => toggle(name)}>${t(`set.${name}`)}</button>`)}</div>
    ${own.map((name) => html`<${Field} key=${name} name=${name} path=${name} prefix=${`${n}.`} schema=${properties[name]} defs=${defs} value=${one[name]}
      base=${values[name]} change=${(next) => set({ ...one, [name]: next })} />`)}
    <${Button} icon="close" onClick=${remove}>${t("over.remove")}<//></fieldset>`;
}
