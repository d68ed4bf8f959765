// The editor's keys, by position.

import { t } from "../text.js";

// now(): the editor as it is; see screens/editor.js.
export function editorKeys(now) {
  const key = (code, name, run, more = {}) => ({ code, name: name && t(name), run, ...more });
  const arrow = (code, dx, dy, name) => [
    key(code, name, () => now().nudge(dx, dy, 1), { ended: () => now().commit() }),
    key(code, name && `${name}Far`, () => now().nudge(dx, dy, 10), { shift: true, ended: () => now().commit() }),
  ];
  const held = (code, name, set, more = {}) => ({ code, name: t(name), held: (down) => now().set({ [set]: down }), ...more });
  return [
    key("KeyQ", "editor.tool.points", () => now().setTool("points")),
    key("KeyW", "editor.tool.crop", () => now().setTool("crop")),
    key("KeyE", "editor.tool.polygon", () => now().setTool("polygon")),
    key("KeyR", "editor.tool.brush", () => now().setTool("brush")),
    key("KeyX", "editor.key.side", () => now().setInclude(!now().include)),
    key("KeyA", "key.back", () => now().step(-1)),
    key("KeyD", "key.forward", () => now().step(1)),
    key("KeyA", "key.back10", () => now().step(-10), { shift: true }),
    key("KeyD", "key.forward10", () => now().step(10), { shift: true }),
    key("Home", "key.first", () => now().go(0)),
    key("End", "key.last", () => now().go(now().facts.frames - 1)),
    key("KeyG", "editor.key.goTo", () => now().focusNumber()),
    key("KeyN", "editor.worst", () => now().worst()),
    key("KeyB", "editor.key.face", () => now().nextFace()),
    ...arrow("ArrowLeft", -1, 0, "editor.key.nudge"),
    ...arrow("ArrowRight", 1, 0),
    ...arrow("ArrowUp", 0, -1),
    ...arrow("ArrowDown", 0, 1),
    key("Period", "editor.key.nextPoint", () => now().nextPoint(1)),
    key("Comma", "editor.key.previousPoint", () => now().nextPoint(-1)),
    key("Period", "editor.key.nextGroup", () => now().nextGroup(1), { shift: true }),
    key("Comma", "editor.key.previousGroup", () => now().nextGroup(-1), { shift: true }),
    key("BracketLeft", "editor.key.less", () => now().turnBy(-1), { ended: () => now().commit() }),
    key("BracketRight", "editor.key.more", () => now().turnBy(1), { ended: () => now().commit() }),
    key("BracketLeft", "editor.smaller", () => now().scaleBy(-1), { shift: true, ended: () => now().commit() }),
    key("BracketRight", "editor.larger", () => now().scaleBy(1), { shift: true, ended: () => now().commit() }),
    key("Space", "editor.key.pen", () => now().pen()),
    key("Enter", "editor.key.close", () => now().close()),
    key("Backspace", "editor.key.backspace", () => now().remove()),
    key("Delete", null, () => now().remove()),
    key("Escape", "editor.key.nothing", () => now().escape()),
    key("KeyC", "editor.copyBefore", () => now().copy(now().before)),
    key("KeyC", "editor.copyAfter", () => now().copy(now().after), { shift: true }),
    key("KeyV", "editor.key.carryOn", () => now().carry(1)),
    key("KeyV", "editor.key.carryBack", () => now().carry(-1), { shift: true }),
    key("KeyZ", "faces.undo", () => now().undo()),
    key("KeyZ", "faces.redo", () => now().redo(), { shift: true }),
    key("KeyO", "editor.onion", () => now().nextOnion()),
    key("KeyM", "editor.showMask", () => now().set({ showMask: !now().showMask })),
    key("KeyL", "editor.loupe", () => now().set({ glass: !now().glass })),
    key("KeyF", "editor.key.fit", () => now().fit()),
    key("Equal", "editor.key.in", () => now().zoom(1.25)),
    key("Minus", "editor.key.out", () => now().zoom(0.8)),
    held("KeyH", "editor.key.bare", "bare"),
    held("KeyS", "editor.key.pan", "panning"),
  ];
}
