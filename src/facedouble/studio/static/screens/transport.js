// Below the picture: which frame, which view, how large.

import { html } from "../vendor/preact-htm.js";
import { t } from "../text.js";
import { Button, Typed } from "../ui.js";

import { spanOf } from "./spans.js";

export function Transport({ result, frame, go, span, play, playing, overrides, chosen, clear, cut, view, setView, zoom, setZoom, setComparing, state, stamp }) {
  const share = (n) => `${(n / Math.max(1, result.frames - 1)) * 100}%`;
  const time = (frame / (result.rate || 25)).toFixed(2);
  const hold = { onPointerDown: () => setComparing(true), onPointerUp: () => setComparing(false),
    onPointerLeave: () => setComparing(false), onPointerCancel: () => setComparing(false) };
  return html`<div class="transport" data-frame=${frame} data-stamp=${stamp}>
    <div class="track">
      <div class="span" style=${{ left: share(span[0]), right: `calc(100% - ${share(span[1])})` }}></div>
      ${overrides.map((one, n) => {
        const [first, last] = spanOf(one.ranges, result);
        return html`<div key=${n} class="span over" style=${{ left: share(first), right: `calc(100% - ${share(last)})` }}></div>`;
      })}
      <input type="range" min="0" max=${result.frames - 1} value=${frame} aria-label=${t("frame")} data-global="1"
        onInput=${(event) => go(Number(event.target.value))} /></div>
    <div class="controls">
      <${Button} icon=${playing ? "stop" : "play"} label=${t("key.play")} onClick=${play} />
      <label class="inline">${t("frame")}<${Typed} type="number" min="0" max=${result.frames - 1} value=${frame}
        take=${(text) => go(Number(text))} /></label>
      <span class="muted number">/ ${result.frames - 1}<span class="time"> · ${time} s</span></span>
      <span class="unseen" role="status">${state}</span>
      <span class="space"></span>
      <${Button} onClick=${() => cut("in")} label=${t("key.in")}>${t("in")}<//>
      <${Button} onClick=${() => cut("out")} label=${t("key.out")}>${t("out")}<//>
      ${chosen && html`<${Button} icon="close" label=${t("range.clear")} onClick=${clear} />`}
      <div class="segments" role="group" aria-label=${t("views")}>${["result", "source", "wipe", "mask", "detail"].map((one) => html`
        <button type="button" key=${one} aria-pressed=${view === one} onClick=${() => setView(one)}>${t(`view.${one}`)}</button>`)}</div>
      <button type="button" class="button" ...${hold}>${t("compare")}</button>
      <div class="segments" role="group" aria-label=${t("size")}>
        <button type="button" aria-pressed=${zoom === 0} onClick=${() => setZoom(0)}>${t("fit")}</button>
        <button type="button" aria-pressed=${zoom === 1} onClick=${() => setZoom(1)}>100%</button>
        <button type="button" aria-pressed=${zoom === 2} onClick=${() => setZoom(2)}>200%</button></div>
    </div></div>`;
}
