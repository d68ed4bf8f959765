// What the pages say, in the reader's language.

import en from "./text/en.js";
import zh from "./text/zh.js";

const catalogues = { en, zh };

function chosen() {
  const stored = localStorage.getItem("language");
  if (catalogues[stored]) return stored;
  for (const wanted of navigator.languages || [navigator.language]) {
    const short = wanted.toLowerCase().split("-")[0];
    if (catalogues[short]) return short;
  }
  return "en";
}

export const language = chosen();
document.documentElement.lang = language === "zh" ? "zh-CN" : "en";

export function setLanguage(name) {
  localStorage.setItem("language", name);
  location.reload();
}

// The text of a key, with {names} replaced by values. With a count n, "key.one" is taken for 1 if there is one.
export function t(key, values = {}) {
  const catalogue = catalogues[language];
  const text = (values.n === 1 && catalogue[`${key}.one`]) || catalogue[key] || en[key] || key;
  return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
}

export const has = (key) => key in catalogues[language];

export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
