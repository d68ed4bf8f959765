// Small parts that screens are made of.

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { post } from "./api.js";
import { t } from "./text.js";
import { say } from "./store.js";

// A field that keeps what is being typed, whatever is drawn anew meanwhile; `take` gets the text once it is done.
export function Typed({ value, take, field, ...rest }) {
  const [typed, setTyped] = useState(null);
  return html`<input ...${rest} ref=${field} value=${typed ?? value} onInput=${(event) => setTyped(event.target.value)}
    onChange=${(event) => (setTyped(null), take(event.target.value))} onBlur=${() => setTyped(null)} />`;
}

const shapes = {
  project: "M3 6.5h6l2 2.5h10v10H3z",
  faces: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  editor: "M4 20l1-5L16 4l4 4L9 19zM14 6l4 4",
  train: "M3 19h18M4 16l5-6 4 3 7-9",
  convert: "M3 5h18v14H3zM12 3v18M6 9l3 3-3 3M18 9l-3 3 3 3",
  jobs: "M4 6h16M4 12h16M4 18h10",
  report: "M6 3h9l4 4v14H6zM9 12h7M9 16h7M9 8h3",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2",
  moon: "M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.500 10.500z",
  help: "M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500v.5",
  play: "M7 5l12 7-12 7z",
  stop: "M6 6h12v12H6z",
  pause: "M8 6v12M16 6v12",
  save: "M12 4v10M8 10l4 4 4-4M5 19h14",
  again: "M5 12a7 7 0 1 0 2-5M7 3v4h4",
  copy: "M8 8h11v11H8zM5 16V5h11",
  add: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  down: "M6 9l6 6 6-6",
  up: "M6 15l6-6 6 6",
  check: "M5 12.500l4.500 4.500L19 7.500",
};

export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
  <path d=${shapes[name]} /></svg>`;

export const Button = ({ icon, tone = "", label, children, ...rest }) => html`<button
  type="button" class=${`button ${tone} ${children || !icon ? "" : "bare"}`} aria-label=${label} title=${label}
  ...${rest}>${icon && html`<${Icon} name=${icon} />`}${children}</button>`;

export const State = ({ state }) => html`<span class=${`state ${state}`}><i aria-hidden="true"></i>${t(
  `state.${state}`,
)}</span>`;

export const Bar = ({ share, label }) => html`<div class=${`bar ${share === null ? "unknown" : ""}`}
  role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax="100"
  aria-valuenow=${share === null ? undefined : Math.round(share * 100)}>
  <div style=${{ width: `${(share === null ? 1 : Math.min(1, share)) * 100}%` }}></div></div>`;

export function Dialog({ title, close, children }) {
  const place = useRef(null);
  useEffect(() => {
    place.current.showModal();
  }, []);
  return html`<dialog ref=${place} onClose=${close} aria-label=${title}
    onClick=${(event) => event.target === place.current && close()}>
    <header><h2>${title}</h2><${Button} icon="close" label=${t("close")} onClick=${close} /></header>
    ${children}</dialog>`;
}

// The command line that does the same, to be copied.
export function CommandLine({ line }) {
  const copy = async () => {
    await navigator.clipboard.writeText(line);
    say(t("copied"));
  };
  return html`<div class="line"><code>${line}</code>
    <${Button} icon="copy" label=${t("copy")} onClick=${copy} /></div>`;
}

// A path that is typed, with what may follow offered below.
export function PathField({ value, change, label, id, chosen = () => {} }) {
  const [offers, setOffers] = useState([]);
  const [at, setAt] = useState(-1);
  const [open, setOpen] = useState(false);
  const asked = useRef(0);
  const ask = async (typed) => {
    const mine = ++asked.current;
    const found = await post("/api/paths", { typed }).catch(() => []);
    if (mine === asked.current) (setOffers(found), setAt(-1), setOpen(found.some((one) => one.path !== typed)));
  };
  const take = (offer) => {
    change(offer.path);
    if (offer.folder) ask(offer.path);
    else (setOpen(false), chosen(offer.path));
  };
  const key = (event) => {
    if (!open || !offers.length) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.code];
    if (step) setAt((at + step + offers.length) % offers.length);
    else if (["Enter", "Tab"].includes(event.code) && (at >= 0 || offers.length === 1)) take(offers[Math.max(0, at)]);
    else if (event.code === "Escape") setOpen(false);
    else return;
    event.preventDefault();
  };
  return html`<div class="path" onFocusout=${(event) =>
    event.currentTarget.contains(event.relatedTarget) || (setOpen(false), chosen(value))}>
    <input id=${id} type="text" role="combobox" aria-label=${label} aria-expanded=${open} aria-autocomplete="list"
      aria-controls=${`${id}-offers`} aria-activedescendant=${at >= 0 ? `${id}-${at}` : undefined} value=${value}
      spellcheck=${false} autocomplete="off" placeholder=${t("path.hint")}
      onFocus=${() => ask(value)} onKeyDown=${key}
      onInput=${(event) => (change(event.target.value), ask(event.target.value))} />
    ${open && offers.length > 0 && html`<ul id=${`${id}-offers`} role="listbox">${offers.map(
      (offer, n) => html`<li id=${`${id}-${n}`} role="option" tabindex="-1" aria-selected=${n === at}
        onMouseDown=${(event) => (event.preventDefault(), take(offer))}>
        ${offer.name}${offer.folder ? "/" : ""}</li>`)}</ul>`}
  </div>`;
}
