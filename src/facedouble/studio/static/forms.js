// Forms made of the JSON Schema of a tree of settings.

import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { has, t } from "./text.js";
import { Button, PathField, Typed } from "./ui.js";

// A schema with its reference put in place; what is said beside the reference counts.
function resolved(schema, defs) {
  if (!schema.$ref) return schema;
  return { ...defs[schema.$ref.split("/").pop()], ...schema, $ref: undefined };
}

const isGroup = (schema) => schema.type === "object" || Boolean(schema.properties);
const kindOf = (schema) => schema.properties?.kind?.const;

// The groups that a field may hold, of which a kind says the one, or null for a field that is no union.
function variants(schema, defs) {
  const optional = schema.anyOf?.some((one) => one.type === "null");
  const inner = schema.oneOf || schema.anyOf?.filter((one) => one.type !== "null");
  if (!inner) return null;
  const flat = inner.flatMap((one) => one.oneOf || [one]).map((one) => resolved(one, defs));
  if (!flat.length || !flat.every((one) => isGroup(one) && kindOf(one))) return null;
  return { optional: Boolean(optional), members: flat };
}

const labelled = (path, fallback) => (has(`set.${path}`) ? t(`set.${path}`) : fallback);
const named = (path, value) => (has(`choice.${path}.${value}`) ? t(`choice.${path}.${value}`) : String(value));
const title = (path, schema) => labelled(path, schema.title?.replace(/_/g, " ") || path.split(".").pop().replace(/_/g, " "));
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// prefix: what stands before the path in ids, where a setting is on the page more than once.
export function Field({ name, path, schema: given, defs, value, base, change, hide = [], prefix = "" }) {
  if (hide.includes(path)) return null;
  const schema = resolved(given, defs);
  const props = { name, path, schema, defs, value, base, change, hide, prefix };
  const union = variants(schema, defs);
  if (union) return html`<${Union} ...${props} union=${union} />`;
  if (isGroup(schema)) return html`<${Group} ...${props} />`;
  const group = schema.anyOf?.map((one) => resolved(one, defs)).find(isGroup);
  if (group) return html`<${OptionalGroup} ...${props} schema=${group} />`;
  const plain = schema.anyOf ? { ...schema, ...schema.anyOf.find((one) => one.type !== "null") } : schema;
  if (plain.format === "path") return html`<${OnePath} ...${props} schema=${plain} />`;
  if (plain.items?.format === "path") return html`<${Paths} ...${props} schema=${plain} />`;
  return html`<${Plain} ...${props} schema=${plain} />`;
}

function Group({ path, schema, defs, value, base, change, hide, prefix }) {
  const fields = Object.entries(schema.properties).filter(([key]) => key !== "kind" || schema.properties.kind.enum);
  return fields.map(([key, inner]) => html`<${Field} key=${key} name=${key} path=${`${path}.${key}`} defs=${defs}
    schema=${key === "kind" ? { ...inner, title: title(path, schema), description: schema.description } : inner}
    value=${value?.[key]} base=${base?.[key]} hide=${hide} prefix=${prefix} change=${(next) => change({ ...value, [key]: next })} />`);
}

// A group that may be left out: it is there once one of its fields is.
function OptionalGroup({ value, change, ...rest }) {
  const taken = (next) => change(Object.values(next).some((one) => one !== null && one !== undefined && one !== "") ? next : null);
  return html`<${Group} ...${rest} value=${value || {}} change=${taken} />`;
}

function Union({ path, schema, defs, value, base, change, hide, union, prefix }) {
  const kinds = union.members.map(kindOf);
  const member = union.members.find((one) => kindOf(one) === value?.kind);
  const choose = (kind) => change(kind === "" ? null : base?.kind === kind ? base
    : { ...defaults(union.members.find((one) => kindOf(one) === kind), defs), kind });
  const about = member?.description?.split("\n")[0];
  return html`<${Row} label=${title(path, schema)} help=${schema.description} about=${about}
    changed=${value?.kind !== base?.kind} reset=${() => change(base)} of=${prefix + path}>
    <select id=${prefix + path} value=${value?.kind ?? ""} onChange=${(event) => choose(event.target.value)}>
      ${union.optional && html`<option value="">${t("set.auto")}</option>`}
      ${kinds.map((kind) => html`<option key=${kind} value=${kind}>${named(path, kind)}</option>`)}</select><//>
    ${member && html`<${Group} path=${path} schema=${member} defs=${defs} value=${value} hide=${hide} prefix=${prefix}
      base=${base?.kind === value.kind ? base : defaults(member, defs)} change=${change} />`}`;
}

// What a group holds where nothing is said.
function defaults(schema, defs) {
  return Object.fromEntries(Object.entries(schema.properties).map(([key, inner]) => {
    const found = resolved(inner, defs);
    return [key, "default" in found ? found.default : isGroup(found) ? defaults(found, defs) : undefined];
  }));
}

function Plain({ path, schema, value, base, change, prefix }) {
  const row = {
    label: title(path, schema), help: schema.description, of: prefix + path,
    changed: !same(value, base), reset: () => change(base),
  };
  if (schema.type === "boolean") {
    return html`<${Row} ...${row}><input id=${prefix + path} type="checkbox" checked=${value}
      onChange=${(event) => change(event.target.checked)} /><//>`;
  }
  const choices = schema.enum;
  if (choices) {
    const about = schema.oneOf?.find((one) => one.const === value)?.description;
    return html`<${Row} ...${row} about=${about}><select id=${prefix + path} value=${value}
      onChange=${(event) => change(event.target.value)}>${choices.map((choice) => html`<option key=${choice}
      value=${choice}>${named(path, choice)}</option>`)}</select><//>`;
  }
  if (schema.type === "number" || schema.type === "integer") return html`<${Numeric} ...${{ row, path, schema, value, change, prefix }} />`;
  if (schema.type === "array") {
    const read = (text) => text.split(/[\s,]+/).filter(Boolean).map((one) => (schema.items.type === "integer" ? Number(one) : one));
    return html`<${Row} ...${row}><${Typed} id=${prefix + path} type="text" value=${(value || []).join(", ")}
      take=${(text) => change(read(text))} /><//>`;
  }
  return html`<${Row} ...${row}><${Typed} id=${prefix + path} type="text" value=${value ?? ""} take=${change} /><//>`;
}

// A file that is named by its path. It is taken when the field is left or a file was chosen.
function OnePath({ path, schema, value, base, change, prefix }) {
  const label = title(path, schema);
  return html`<${Row} label=${label} help=${schema.description} of=${prefix + path} tall=${true} changed=${!same(value, base)} reset=${() => change(base)}>
    <${TypedPath} id=${prefix + path} label=${label} value=${value || ""} take=${(typed) => change(typed || null)} /><//>`;
}

function Paths({ path, schema, value, base, change }) {
  const label = title(path, schema);
  const set = (n, typed) => change([...value, ""].map((old, i) => (i === n ? typed : old)).filter(Boolean));
  return html`<${Row} label=${label} help=${schema.description} of=${`${path}-0`} tall=${true} changed=${!same(value, base)} reset=${() => change(base)}>
    <div class="paths">${[...value, ""].map((one, n) => html`<${TypedPath} key=${`${n} ${one}`} id=${`${path}-${n}`} label=${`${label} ${n + 1}`} value=${one}
      take=${(typed) => set(n, typed)} />`)}</div><//>`;
}

function TypedPath({ id, label, value, take }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  return html`<${PathField} id=${id} label=${label} value=${typed} change=${setTyped} chosen=${take} />`;
}

const reach = { "converter.mask.erosion": [-20, 20] }; // of the slider, where the schema has no limits

function Numeric({ row, path, schema, value, change, prefix }) {
  const [least, most] = reach[path] || [schema.minimum ?? schema.exclusiveMinimum, schema.maximum];
  const step = schema.type === "integer" ? 1 : most - least <= 1 ? 0.01 : most - least <= 10 ? 0.05 : 0.5;
  const take = (text) => text !== "" && change(Number(text));
  const unit = schema["x-facedouble"]?.unit;
  const sliding = least !== undefined && most !== undefined;
  return html`<${Row} ...${row} wide=${sliding}>
    ${sliding && html`<input type="range" min=${least} max=${most} step=${step} value=${value} aria-label=${row.label}
      data-setting=${path} onInput=${(event) => take(event.target.value)} />`}
    <${Typed} id=${prefix + path} type="number" class="number" min=${schema.minimum} max=${schema.maximum} value=${value}
      step=${schema.type === "integer" ? 1 : "any"} title=${unit ? t(`unit.${unit}`).replace(/^unit\./, "") : ""}
      take=${take} /><//>`;
}

function Row({ label, help, about, changed, reset, of, wide, tall, children }) {
  const hint = [help, about].filter(Boolean).map((text) => text[0].toUpperCase() + text.slice(1)).join(". ");
  return html`<div class=${`setting ${changed ? "changed" : ""} ${wide ? "wide" : ""} ${tall ? "tall" : ""}`} data-hint=${hint}>
    <label for=${of}>${label}</label>
    <div class="control">${children}</div>
    ${changed ? html`<${Button} icon="again" label=${t("set.reset", { name: label })} onClick=${reset} />` : html`<span></span>`}</div>`;
}
