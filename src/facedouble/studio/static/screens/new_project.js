// Making a project: two people, their clips by path, and what they have signed.

import { html, useState } from "../vendor/preact-htm.js";
import { post } from "../api.js";
import { attempt, change } from "../store.js";
import { t } from "../text.js";
import { Button, PathField } from "../ui.js";

const nobody = { name: "", clips: [""], consent: "" };

export function NewProject({ folder }) {
  const [people, setPeople] = useState({ a: nobody, b: nobody });
  const [busy, setBusy] = useState(false);
  const whole = (person) => ({ ...person, clips: person.clips.filter(Boolean) });
  const ready = ["a", "b"].every((side) => people[side].name && whole(people[side]).clips.length);
  const make = async (event) => {
    event.preventDefault();
    setBusy(true);
    await attempt(async () =>
      change({ project: await post("/api/project", { a: whole(people.a), b: whole(people.b) }) }));
    setBusy(false);
  };
  return html`<form class="new" onSubmit=${make}><h1>${t("new.title")}</h1>
    <p class="muted">${t("new.about", { folder })}</p>
    <div class="pair">${["a", "b"].map((side) => html`<${Side} key=${side} side=${side} person=${people[side]}
      change=${(person) => setPeople({ ...people, [side]: person })} />`)}</div>
    <footer><button class="button main" disabled=${!ready || busy}>${t("new.make")}</button></footer></form>`;
}

function Side({ side, person, change }) {
  const clips = (n, path) => change({ ...person, clips: person.clips.map((old, i) => (i === n ? path : old)) });
  return html`<fieldset class="card"><legend>${t(`role.${side}`)}</legend>
    <label>${t("name")}<input type="text" value=${person.name} required maxlength="60" autocomplete="off"
      onInput=${(event) => change({ ...person, name: event.target.value })} /></label>
    <span class="label">${t("clips")}</span>
    ${person.clips.map((path, n) => html`<${PathField} key=${n} id=${`${side}-${n}`} value=${path}
      label=${`${t("clip")} ${n + 1}`} change=${(path) => clips(n, path)} />`)}
    <${Button} icon="add" onClick=${() => change({ ...person, clips: [...person.clips, ""] })}>${t("clip.another")}<//>
    <span class="label">${t("consent.title")}</span>
    <${PathField} id=${`${side}-consent`} value=${person.consent} label=${t("consent.title")}
      change=${(consent) => change({ ...person, consent })} />
    <p class="muted">${t("consent.hash")}</p></fieldset>`;
}
