"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const frames = data.frames;            // numbers of the frames with a face
  const pictured = frames.filter((n) => n in data.pictures);
  const SVG = "http://www.w3.org/2000/svg";
  const byId = (id) => document.getElementById(id);
  const slider = byId("slider"), where = byId("where"), faults = byId("faults");
  const charts = [];
  let current = -1;                      // place in frames

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "class") element.className = value;
      else if (name === "text") element.textContent = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };
  const draw = (tag, attributes) => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const jpeg = (text) => "data:image/jpeg;base64," + text;
  const colour = (i) => `var(--c${i % 6})`;
  const dashes = (i) => ["", "7 3", "2 2", "9 3 2 3", "4 4", "12 4"][i % 6];

  // The pictured frame that is nearest to a place in frames.
  const nearestPicture = (place) => {
    let best = pictured[0];
    for (const n of pictured) if (Math.abs(n - frames[place]) < Math.abs(best - frames[place])) best = n;
    return best;
  };
  const picture = (alt, ...sources) => {
    const box = make("span", { class: sources.length > 1 ? "picture difference" : "picture" });
    sources.forEach((source, i) => box.append(make("img", { src: source, alt: i ? "" : alt, decoding: "async" })));
    return box;
  };
  const shown = (measure, value) => {
    if (value === null || value === undefined) return "–";
    const number = value * (measure.unit === "%" ? 100 : 1);
    return number.toFixed(measure.digits) + (["", "%", "°"].includes(measure.unit) ? "" : " ") + measure.unit;
  };
  const rate = (measure, value) => {
    const inside = ([low, high]) => (low === null || value >= low) && (high === null || value <= high);
    return inside(measure.good) ? "good" : inside(measure.fair) ? "fair" : "poor";
  };

  // The viewer: a row of three for each result.
  const panes = data.results.map((result, i) => {
    const images = ["source", "result", "difference"].map((what) => {
      const box = picture(`${what}, ${result.name}`, "", ...(what === "difference" ? [""] : []));
      const caption = what === "result" && data.results.length > 1 ? result.name : what;
      return [box, make("figure", {}, box, make("figcaption", { text: caption }))];
    });
    byId("panes").append(make("div", { class: "row" }, ...images.map(([, figure]) => figure)));
    return { number: i, images: images.map(([box]) => box) };
  });

  const show = (place) => {
    if (!frames.length) return;
    place = Math.max(0, Math.min(frames.length - 1, place));
    if (place === current) return;
    current = place;
    const n = frames[place], near = nearestPicture(place);
    panes.forEach(({ number, images }) => {
      const source = jpeg(data.pictures[near]), result = jpeg(data.results[number].pictures[near] || "");
      images[0].children[0].src = source;
      images[1].children[0].src = result;
      images[2].children[0].src = source;
      images[2].children[1].src = result;
    });
    slider.value = place;
    slider.setAttribute("aria-valuetext", `frame ${n}`);
    where.textContent = `frame ${n}${near === n ? "" : ` (picture of ${near})`} · ${data.seconds[place].toFixed(2)} s`;
    faults.replaceChildren();
    data.results.forEach((result) => {
      for (const measure of data.measures) {
        const value = measure.judges && result.series[measure.name] ? result.series[measure.name][place] : null;
        if (value === null || rate(measure, value) === "good") continue;
        const name = data.results.length > 1 ? `${result.name}: ${measure.title}` : measure.title;
        faults.append(make("li", { class: `mark ${rate(measure, value)}`, text: `${name} ${shown(measure, value)}` }));
      }
    });
    if (!faults.children.length) faults.append(make("li", { class: "mark good", text: "nothing out of the good range in this frame" }));
    charts.forEach((chart) => chart.point(place));
    document.querySelectorAll(".worst").forEach((button) => {
      button.setAttribute("aria-current", String(Number(button.dataset.frame) === n));
    });
  };

  // The worst frames.
  data.results.forEach((result) => {
    if (data.results.length > 1) byId("worst").append(make("h3", { text: result.name }));
    const strip = make("div", { class: "strip" });
    for (const { frame, why } of result.worst) {
      const source = jpeg(data.pictures[frame]), swapped = jpeg(result.pictures[frame]);
      const button = make("button", { type: "button", class: "worst", "data-frame": frame },
        picture(`frame ${frame} of the source`, source), picture("result", swapped), picture("difference", source, swapped),
        make("span", { text: `frame ${frame}` }), make("span", { class: "why", text: why }));
      button.addEventListener("click", () => show(frames.indexOf(frame)));
      strip.append(button);
    }
    byId("worst").append(strip);
  });

  // The curves.
  const HEIGHT = 96, LEFT = 44, RIGHT = 8, TOP = 8, BOTTOM = 8;
  class Chart {
    constructor(measure) {
      this.measure = measure;
      this.value = make("small");
      // Of these the curve is what is compared, and not how well it agrees.
      const title = measure.compares ? measure.title.split(", ")[0] : measure.title;
      this.box = draw("svg", { role: "img", tabindex: "0", "aria-label": `${title} over time; arrow keys step through the frames` });
      byId("charts").append(make("div", { class: "chart" }, make("h3", {}, make("span", { text: title }), this.value), this.box));
      this.lines = data.results.map((result) => result.series[measure.name] || []);
      this.own = measure.compares ? data.results[0].own[measure.name] : null;
      const all = [...this.lines.flat(), ...(this.own || [])].filter((v) => v !== null).sort((a, b) => a - b);
      const rank = (share) => all[Math.min(all.length - 1, Math.floor(share * all.length))];
      let low = rank(0.005), high = rank(0.995);
      if (measure.judges) for (const limit of measure.good) if (limit !== null) { low = Math.min(low, limit); high = Math.max(high, limit); }
      const room = (high - low) * 0.06 || 1;
      this.low = low >= 0 ? Math.max(0, low - room) : low - room;
      this.high = high + room;
      this.box.addEventListener("pointermove", (event) => show(this.placeAt(event)));
      this.box.addEventListener("pointerdown", (event) => show(this.placeAt(event)));
      this.box.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -frames.length, End: frames.length }[event.key];
        if (step) { event.preventDefault(); show(current + step); }
      });
      new ResizeObserver(() => this.render()).observe(this.box);
    }
    x(place) {
      const [first, last] = [data.seconds[0], data.seconds[frames.length - 1]];
      return LEFT + (this.width - LEFT - RIGHT) * (last > first ? (data.seconds[place] - first) / (last - first) : 0.5);
    }
    y(value) {
      const share = (Math.max(this.low, Math.min(this.high, value)) - this.low) / (this.high - this.low);
      return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
    }
    placeAt(event) {
      const at = event.clientX - this.box.getBoundingClientRect().left;
      let best = 0;
      for (let i = 1; i < frames.length; i++) if (Math.abs(this.x(i) - at) < Math.abs(this.x(best) - at)) best = i;
      return best;
    }
    path(values) {
      let text = "", last = null;
      values.forEach((value, i) => {
        if (value === null) return;
        // Measured in some frames only: joined over the gap. No face in between: not joined.
        const joined = last !== null && frames[i] - frames[last] === i - last;
        text += `${joined ? "L" : "M"}${this.x(i).toFixed(1)} ${this.y(value).toFixed(1)}`;
        last = i;
      });
      return text;
    }
    render() {
      this.width = this.box.clientWidth;
      if (!this.width) return;
      this.box.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
      const parts = [];
      if (this.measure.judges) {
        const [low, high] = this.measure.good;
        const top = high === null ? TOP : this.y(high), bottom = low === null ? HEIGHT - BOTTOM : this.y(low);
        parts.push(draw("rect", { class: "band", x: LEFT, width: this.width - LEFT - RIGHT, y: top, height: Math.max(2, bottom - top) }));
      }
      for (const value of [this.low, this.high]) {
        const label = draw("text", { x: LEFT - 6, y: this.y(value) + (value === this.low ? 0 : 8), "text-anchor": "end" });
        label.textContent = (value * (this.measure.unit === "%" ? 100 : 1)).toFixed(this.measure.digits);
        parts.push(label);
      }
      if (this.own) parts.push(draw("path", { class: "own", d: this.path(this.own) }));
      this.lines.forEach((line, i) => parts.push(draw("path", {
        class: "line", d: this.path(line), stroke: colour(i), style: `stroke: ${colour(i)}`, "stroke-dasharray": dashes(i) })));
      this.cursor = draw("line", { class: "cursor", y1: 0, y2: HEIGHT });
      parts.push(this.cursor);
      this.box.replaceChildren(...parts);
      if (current >= 0) this.point(current);
    }
    // The value at a place, or at the nearest one that was looked at.
    near(line, place) {
      for (let away = 0; away < line.length; away++) {
        for (const at of [place - away, place + away]) if (line[at] !== null && line[at] !== undefined) return line[at];
      }
      return null;
    }
    point(place) {
      if (!this.cursor) return;
      this.cursor.setAttribute("x1", this.x(place));
      this.cursor.setAttribute("x2", this.x(place));
      const values = this.lines.map((line) => shown(this.measure, this.near(line, place)));
      if (this.own) values.push(`source ${shown(this.measure, this.near(this.own, place))}`);
      this.value.textContent = values.join(" · ");
    }
  }

  const legend = byId("legend");
  const entry = (name, style, dash) => {
    const sample = draw("svg", { width: 26, height: 8, "aria-hidden": "true" });
    sample.append(draw("line", { x1: 0, x2: 26, y1: 4, y2: 4, style: `stroke: ${style}; stroke-width: 2`, "stroke-dasharray": dash }));
    legend.append(make("span", {}, sample, name));
  };
  data.results.forEach((result, i) => entry(result.name, colour(i), dashes(i)));
  if (data.measures.some((measure) => measure.compares)) entry("source", "var(--soft)", "2 3");
  for (const measure of data.measures) {
    const values = data.results.flatMap((result) => result.series[measure.name] || []).filter((value) => value !== null);
    // What is only true or false of a frame makes no curve.
    if (values.some((value) => value !== 0 && value !== 1)) charts.push(new Chart(measure));
  }

  slider.max = Math.max(0, frames.length - 1);
  slider.addEventListener("input", () => show(Number(slider.value)));
  const play = byId("play");
  let timer = null;
  play.addEventListener("click", () => {
    if (timer) { clearInterval(timer); timer = null; }
    else timer = setInterval(() => show((current + 1) % frames.length), 1000 / data.rate);
    play.textContent = timer ? "Pause" : "Play";
    play.setAttribute("aria-pressed", String(Boolean(timer)));
  });
  const worst = data.results[0].worst[0];
  show(worst ? frames.indexOf(worst.frame) : 0);
})();
