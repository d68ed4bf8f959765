// What the program says, in the reader's language: its English sentences are known by their form, with their values.

import zh from "./text/messages_zh.js";
import { has, language, t } from "./text.js";

const catalogue = { zh }[language] || {};
const DEPTH = 3; // sentences within sentences

const written = (key) => key.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{#\}/g, "([+-]?[\\d.,]+\\S*)").replace(/\{\}/g, "(.+?)");
const forms = Object.entries(catalogue).filter(([key]) => /\{#?\}/.test(key))
  .sort(([a], [b]) => b.replace(/\{#?\}/g, "").length - a.replace(/\{#?\}/g, "").length)
  .map(([key, text]) => [new RegExp(`^${written(key)}$`, "s"), text]);

// What a run is at.
export const stageName = (stage) => (has(`stage.${stage}`) ? t(`stage.${stage}`) : said(stage));

// A sentence of the program; as it is where it has no translation.
export function said(sentence, depth = DEPTH) {
  const text = String(sentence ?? "");
  if (text in catalogue) return catalogue[text];
  if (!depth) return text;
  for (const [form, translated] of forms) {
    const values = form.exec(text);
    if (values) return translated.replace(/\{(\d)\}/g, (all, n) => said(values[n], depth - 1));
  }
  const parts = text.split(/(?<=\)), /).map((part) => /^(.+) (\([^()]*\))$/.exec(part));
  if (parts.every((part) => part && part[1] in catalogue)) return parts.map((part) => `${catalogue[part[1]]} ${part[2]}`).join("，");
  return text;
}
