"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const panes = [...document.querySelectorAll(".pane")];
  const canvases = panes.map((pane) => pane.querySelector("canvas"));
  const SHORTEST = 1.5, LONGEST = 4;     // seconds of an excerpt

  // -- chance ------------------------------------------------------------------------------------------
  const below = (n) => {                 // a whole number from 0 to n - 1, each as likely
    const limit = Math.floor(2 ** 32 / n) * n, drawn = new Uint32Array(1);
    do crypto.getRandomValues(drawn); while (drawn[0] >= limit);
    return drawn[0] % n;
  };
  const shuffled = (list) => {
    for (let i = list.length - 1; i > 0; i--) { const j = below(i + 1); [list[i], list[j]] = [list[j], list[i]]; }
    return list;
  };
  // How often one of two equal clips would be chosen k times or more of n, whichever of the two it is.
  const byChance = (k, n) => {
    let sum = 0, term = 1;               // n over i
    for (let i = 0; i <= n; i++) { if (i >= k) sum += term; term = term * (n - i) / (i + 1); }
    return Math.min(1, 2 * sum / 2 ** n);
  };

  // -- what is shown -----------------------------------------------------------------------------------
  const plan = () => shuffled(data.pairs.flatMap((pair, number) => {
    const frames = pair.times.length - 1, whole = pair.times[frames];
    const length = Math.min(whole, Math.max(SHORTEST, Math.min(LONGEST, whole / 4)));
    const count = data.choices, sides = shuffled(Array.from({ length: count }, (_, i) => i % 2 === 1));
    return sides.map((exchanged, i) => {
      const from = count > 1 ? (whole - length) * i / (count - 1) : 0;
      const first = Math.max(0, pair.times.findIndex((time) => time >= from - 1e-6));
      let last = first;
      while (last + 1 < frames && pair.times[last + 1] < from + length - 1e-6) last++;
      return { number, pair, exchanged, first, last };
    });
  }));

  let trials = [], made = [], video = null, shown = -1, wanted = -1, target = -1, playing = true, slow = 1, swapped = false, seeking = false, drawn = false, stale = false;
  const clips = new Map(), both = document.createElement("canvas");

  const clipOf = (number) => {
    if (!clips.has(number)) {
      const packed = atob(byId("clip-" + number).textContent), bytes = new Uint8Array(packed.length);
      for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
      const clip = document.createElement("video");
      clip.muted = true; clip.playsInline = true; clip.preload = "auto";
      clip.addEventListener("error", () => fail("This browser cannot play the clips (H.264 in MP4)."));
      clip.addEventListener("seeked", () => arrived(clip));
      clip.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
      clips.set(number, clip);
    }
    return clips.get(number);
  };
  const fail = (text) => { byId("problem").textContent = text; byId("problem").hidden = false; };
  const trial = () => trials[made.length];

  const frameAt = (time) => {            // the frame that is on screen at a time of the clip
    const { pair, first, last } = trial();
    let frame = first;
    while (frame < last && pair.times[frame + 1] <= time + 1e-4) frame++;
    return frame;
  };
  const setDrawn = (on) => {             // what was not seen yet cannot be chosen
    if (drawn === on) return;
    drawn = on;
    for (const id of ["left", "right"]) byId(id).setAttribute("aria-disabled", String(!on));
    if (!on) for (const canvas of canvases) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  };
  const draw = () => {
    if (!trial()) return;
    const { pair, exchanged } = trial();
    stale = video.readyState < 2;        // in the middle of a seek: it is drawn once there is a picture
    if (stale && !drawn) return;
    if (!stale) {
      // A playing clip may go on between two readings of it, so it is read once.
      if (both.width !== 2 * pair.width || both.height !== pair.height) Object.assign(both, { width: 2 * pair.width, height: pair.height });
      both.getContext("2d").drawImage(video, 0, 0, both.width, both.height);
    }
    canvases.forEach((canvas, side) => {
      const half = (side === 1) !== exchanged !== swapped ? 1 : 0;
      canvas.getContext("2d").drawImage(both, half * pair.width, 0, pair.width, pair.height, 0, 0, pair.width, pair.height);
    });
    setDrawn(true);
  };
  const show = (frame) => { shown = frame; byId("slider").value = frame; draw(); };
  // A paused clip is sought to the middle of a frame, one seek at a time, the newest wish last.
  const seek = (frame) => {
    const { pair, first, last } = trial();
    wanted = Math.max(first, Math.min(last, frame));
    if (seeking) return;
    seeking = true;
    target = wanted;
    video.currentTime = (pair.times[target] + pair.times[target + 1]) / 2;
  };
  const arrived = (clip) => {
    if (clip !== video || clip.seeking || !seeking || !trial()) return;  // the end of an earlier seek
    seeking = false;
    show(target);
    if (wanted !== target) seek(wanted); else if (playing) clip.play();
  };
  const tick = () => {
    // Some browsers have the picture of a seek a little later than its event.
    if (!seeking && (stale || (drawn && video.paused))) draw();
    if (trial() && playing && !seeking && !video.paused) {
      const { pair, last, first } = trial();
      if (video.ended || video.currentTime >= pair.times[last + 1] - 1e-3) { video.pause(); seek(first); }
      else show(frameAt(video.currentTime));
    }
    requestAnimationFrame(tick);
  };
  const setPlaying = (on) => {
    playing = on;
    byId("play").querySelector("span").textContent = on ? "Pause" : "Play";
    if (on) { if (!seeking) seek(shown >= trial().last ? trial().first : shown); }
    else { video.pause(); seek(shown); }
  };

  const place = () => {                  // the middle of what differs in the middle of both panes
    const { pair } = trial(), full = document.body.classList.contains("full");
    for (const canvas of canvases) {
      if (canvas.width !== pair.width || canvas.height !== pair.height) Object.assign(canvas, { width: pair.width, height: pair.height });
      canvas.style.aspectRatio = pair.shown[0] + " / " + pair.shown[1];
      canvas.style.width = full ? pair.width / devicePixelRatio + "px" : "";
    }
    for (const pane of panes) {
      pane.style.maxHeight = full ? pair.height / devicePixelRatio + "px" : "";
      pane.scrollLeft = pair.focus[0] / devicePixelRatio - pane.clientWidth / 2;
      pane.scrollTop = pair.focus[1] / devicePixelRatio - pane.clientHeight / 2;
    }
    if (drawn) draw();
  };
  const begin = () => {
    if (!trial()) return finish();
    const { number, first, last } = trial();
    const clip = clipOf(number);
    if (video && video !== clip) video.pause();
    video = clip; seeking = false; swapped = false; playing = true; stale = false; shown = wanted = first;
    setDrawn(false);
    video.playbackRate = slow;
    byId("trial").hidden = false; byId("result").hidden = true;
    byId("progress").textContent = `Choice ${made.length + 1} of ${trials.length}`;
    byId("bar").value = made.length; byId("undo").disabled = !made.length;
    byId("play").querySelector("span").textContent = "Pause";
    Object.assign(byId("slider"), { min: first, max: last });
    const ready = () => { if (video === clip && trial()?.number === number) { place(); seek(trial().first); } };
    if (clip.readyState >= 2) ready(); else clip.addEventListener("loadeddata", ready, { once: true });
  };
  const choose = (side) => {
    if (!trial() || !drawn) return;
    const { pair, exchanged } = trial();
    video.pause();
    made.push({ chosen: (side === 1) !== exchanged ? pair.second : pair.first, side });
    begin();
  };
  const undo = () => { if (made.length && trial()) { video.pause(); made.pop(); begin(); } };

  // -- the end -----------------------------------------------------------------------------------------
  const percent = (share) => (share >= 0.1 ? (100 * share).toFixed(0) : (100 * share).toFixed(1)) + "%";
  const verdict = (pair, number) => {
    const of = made.filter((_, i) => trials[i].number === number), n = of.length;
    const second = of.filter(({ chosen }) => chosen === pair.second).length;
    const better = second > n - second ? pair.second : pair.first, k = Math.max(second, n - second);
    const worse = better === pair.first ? pair.second : pair.first, chance = byChance(k, n);
    const count = `${data.names[better]}: ${k} of ${n}. ${data.names[worse]}: ${n - k} of ${n}.`;
    const odds = `If nobody could tell the two apart, one of them would be chosen ${k} times or more of ${n} in ${percent(chance)} of such tests.`;
    const means = chance <= 0.05
      ? `So chance hardly explains it: you prefer ${data.names[better]}.`
      : "So chance alone explains it well: this says nothing about which is better.";
    return { count, odds, means };
  };
  const CAVEAT = "The choices are those of one person about excerpts of one clip, which overlap, so they are not quite independent: they say little about other clips and other people.";
  const finish = () => {
    byId("trial").hidden = true; byId("result").hidden = false;
    byId("bar").value = trials.length;
    byId("progress").textContent = `All ${trials.length} choices made`;
    const said = byId("said"), lines = ["Blind comparison of " + data.names.join(", "), `page made ${data.made} by ${data.program}; choices made ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`, ""];
    said.replaceChildren();
    data.pairs.forEach((pair, number) => {
      const { count, odds, means } = verdict(pair, number);
      for (const [text, kind] of [[count, "count"], [`${odds} ${means}`, ""]]) {
        const line = document.createElement("p");
        line.textContent = text; line.className = kind;
        said.append(line);
      }
      lines.push(count, odds, means, "");
    });
    const caveat = document.createElement("p");
    caveat.textContent = CAVEAT;
    said.append(caveat);
    lines.push(CAVEAT, "", "choice, frames, left, right, chosen");
    made.forEach(({ chosen }, i) => {
      const { pair, exchanged, first, last } = trials[i];
      const sides = exchanged ? [pair.second, pair.first] : [pair.first, pair.second];
      lines.push(`${i + 1}, ${first}-${last}, ${sides.map((at) => data.names[at]).join(", ")}, ${data.names[chosen]}`);
    });
    byId("text").value = lines.join("\n") + "\n";
    document.title = "Result";
    byId("copy").focus();
  };
  const copy = async () => {
    const text = byId("text");
    try { await navigator.clipboard.writeText(text.value); }
    catch { text.focus(); text.select(); document.execCommand("copy"); }
    byId("copied").textContent = "copied";
  };
  const start = () => { trials = plan(); made = []; document.title = "Which is better?"; byId("copied").textContent = ""; begin(); };

  // -- hands -------------------------------------------------------------------------------------------
  const toggle = (id, on) => byId(id).setAttribute("aria-pressed", String(on));
  const actions = {
    left: () => choose(0), right: () => choose(1), undo, copy, again: start,
    play: () => setPlaying(!playing),
    back: () => { setPlaying(false); seek(wanted - 1); },
    next: () => { setPlaying(false); seek(wanted + 1); },
    slow: () => { slow = slow === 1 ? 0.25 : 1; for (const clip of clips.values()) clip.playbackRate = slow; toggle("slow", slow !== 1); },
    full: () => { toggle("full", document.body.classList.toggle("full")); place(); },
  };
  for (const [id, act] of Object.entries(actions)) byId(id).addEventListener("click", act);
  byId("slider").addEventListener("input", () => { setPlaying(false); seek(Number(byId("slider").value)); });
  const exchange = (on) => {
    if (swapped === on || !trial()) return;
    swapped = on; toggle("swap", on); document.body.classList.toggle("swapped", on); draw();
  };
  byId("swap").addEventListener("pointerdown", () => exchange(true));
  for (const event of ["pointerup", "pointerleave", "pointercancel"]) byId("swap").addEventListener(event, () => exchange(false));
  const keys = { 1: "left", 2: "right", " ": "play", ",": "back", ".": "next", s: "slow", f: "full", u: "undo" };
  addEventListener("keydown", (event) => {
    if (!trial() || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "x") { exchange(true); return; }
    const id = keys[key];
    if (!id || (key === " " && event.target.closest("button") && event.target.id !== "play")) return;
    event.preventDefault();
    if (!event.repeat || id === "back" || id === "next") actions[id]();
  });
  addEventListener("keyup", (event) => { if (event.key.toLowerCase() === "x") exchange(false); });
  addEventListener("blur", () => exchange(false));
  addEventListener("resize", () => { if (trial()) place(); });

  let drag = null;
  for (const pane of panes) {
    pane.addEventListener("pointerdown", (event) => {
      if (!document.body.classList.contains("full")) return;
      drag = { x: event.clientX, y: event.clientY }; pane.setPointerCapture(event.pointerId);
    });
    pane.addEventListener("pointermove", (event) => {
      if (!drag) return;
      for (const other of panes) { other.scrollLeft -= event.clientX - drag.x; other.scrollTop -= event.clientY - drag.y; }
      drag = { x: event.clientX, y: event.clientY };
    });
    for (const end of ["pointerup", "pointercancel"]) pane.addEventListener(end, () => { drag = null; });
    pane.addEventListener("scroll", () => { for (const other of panes) if (other !== pane) { other.scrollLeft = pane.scrollLeft; other.scrollTop = pane.scrollTop; } });
  }
  start();
  requestAnimationFrame(tick);
})();
