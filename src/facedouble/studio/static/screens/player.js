// A range of the result as a small clip that plays, over the picture.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { get, post } from "../api.js";
import { listen } from "../keys.js";
import { said } from "../messages.js";
import { t } from "../text.js";
import { Bar, Button } from "../ui.js";

export function Player({ base, stamp, result, span, close, go }) {
  const [proxy, setProxy] = useState({ done: 0, total: span[1] - span[0] + 1, ready: false });
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let gone = false;
    let timer = 0;
    const follow = async (found) => {
      try {
        const next = await found;
        if (gone) return;
        setProxy(next);
        if (!next.ready) timer = setTimeout(() => follow(get(`${base}/proxies/${next.id}`)), 300);
      } catch (error) {
        if (!gone) setProblem(error.message);
      }
    };
    follow(post(`${base}/proxies`, { stamp, first: span[0], last: span[1] }));
    return () => ((gone = true), clearTimeout(timer));
  }, []);
  useEffect(() => listen([{ code: "Escape", name: t("key.stopPlaying"), run: close }]), []);
  // Where it stands still, the exact frame is shown when it is closed.
  const moved = (event) => event.target.paused && go(span[0] + Math.round(event.target.currentTime * (result.rate || 25)));
  return html`<div class="player" onPointerDown=${(event) => event.stopPropagation()}>
    ${proxy.ready
      ? html`<video src=${`${base}/proxies/${proxy.id}/clip.mp4`} controls autoplay loop playsinline
          onSeeked=${moved} onPause=${moved} aria-label=${t("play.label", { first: span[0], last: span[1] })}></video>`
      : html`<div class="over" role="status"><p>${problem || t("play.making", { done: proxy.done, total: proxy.total })}</p>
          ${!problem && html`<${Bar} share=${proxy.done / proxy.total} label=${t("play.making", { done: proxy.done, total: proxy.total })} />`}</div>`}
    ${proxy.note && html`<p class="over bad" role="alert">${said(proxy.note)}</p>`}
    <${Button} icon="close" label=${t("key.stopPlaying")} onClick=${close} /></div>`;
}
