// The settings of a conversion, in groups.

import { html, useState } from "../vendor/preact-htm.js";
import { Field } from "../forms.js";
import { t } from "../text.js";
import { Overrides } from "./overrides.js";

const groups = [
  ["picture", ["converter", "detail", "retargeting", "blend", "occlusion", "matte"]],
  ["overrides", ["overrides"]],
  ["which", ["frames.discard", "faces"]],
  ["model", ["adaptation"]],
  ["output", ["render", "encoding", "marking"]],
  ["running", ["compute", "keep_going", "checkpoint_frames", "reading"]],
];

export function ConvertForm({ result, values, change, frame }) {
  const { $defs: defs, properties } = result.schema;
  const field = (name) => html`<${Field} key=${name} name=${name} path=${name} schema=${properties[name]} defs=${defs}
    value=${values[name]} base=${result.defaults[name]} hide=${values.faces.filter.length || values.faces.nfilter.length ? [] : ["faces.threshold"]}
    change=${(next) => change({ ...values, [name]: next })} />`;
  const discard = () => values.frames && html`<${Field} key="discard" name="discard" path="frames.discard" defs=${defs}
    schema=${defs.FrameChoice.properties.discard} value=${values.frames.discard} base=${false}
    change=${(next) => change({ ...values, frames: { ...values.frames, discard: next } })} />`;
  const [hint, setHint] = useState("");
  const point = (event) => setHint(event.target.closest("[data-hint]")?.dataset.hint || "");
  return html`<div class="form" onPointerOver=${point} onFocusin=${point}>${groups.map(([name, fields]) => html`<details key=${name} open=${name === "picture"}>
    <summary>${t(`group.${name}`)}${name === "overrides" && values.overrides.length ? ` (${values.overrides.length})` : ""}</summary>
    ${fields.map((one) => (one === "frames.discard" ? discard() : one === "overrides"
      ? html`<${Overrides} key=${one} result=${result} values=${values} change=${change} frame=${frame} />` : field(one)))}</details>`)}</div>
    <p class="hint" aria-live="polite">${hint}</p>`;
}
