// Keys by their position on the keyboard, so that they lie together whatever the layout.

const active = [];

// While a component is shown, its keys work: [{code, shift, command, name, run, held, ended}]. "held" is called with false
// when the key is let go, and so is "ended" after "run". With "command", Ctrl or ⌘ may be held too.
export function listen(keys) {
  active.push(keys);
  return () => active.splice(active.indexOf(keys), 1);
}

export const allKeys = () => active.flat().filter((key) => key.name);

const typing = (target) =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    ["TEXTAREA", "SELECT"].includes(target.tagName) ||
    (target.tagName === "INPUT" && !["range", "checkbox", "radio"].includes(target.type)));

function found(event) {
  const command = event.ctrlKey || event.metaKey;
  if (event.altKey || typing(event.target)) return null;
  const slider = event.target instanceof HTMLInputElement && event.target.type === "range";
  if (slider && /^(Arrow|Home|End|Page)/.test(event.code) && !event.target.dataset.global) return null;
  const button = event.target instanceof HTMLElement && event.target.closest("button, a, summary, [role=tab]");
  if (button && ["Enter", "Space"].includes(event.code)) return null;
  if (document.querySelector("dialog[open]")) return null;
  for (const key of active.flat().reverse()) {
    if (key.code === event.code && Boolean(key.shift) === event.shiftKey && (!command || key.command)) return key;
  }
  return null;
}

addEventListener("keydown", (event) => {
  const key = found(event);
  if (!key) return;
  event.preventDefault();
  if (key.held) {
    if (!event.repeat) key.held(true);
  } else key.run();
});
addEventListener("keyup", (event) => {
  for (const key of active.flat()) {
    if (key.code !== event.code) continue;
    if (key.held) key.held(false);
    if (key.ended) key.ended();
  }
});

const names = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Space: "␣", Slash: "/", Escape: "Esc",
  Comma: ",", Period: ".", Delete: "Del", BracketLeft: "[", BracketRight: "]", Equal: "=", Minus: "−", Enter: "↵",
  Backspace: "⌫",
};
export const keyName = (key) =>
  (key.shift ? "⇧ " : "") + (names[key.code] || key.code.replace(/^(Key|Digit)/, ""));
