// What is drawn over the frame: pure drawing, from a scene to a canvas.

import { bounds, known } from "./geometry.js";

const TURN = Math.PI * 2;

// scene: {view: {x, y, scale}, density, picture, ghosts, face, points, crop, polygons, draft, stroke, mask, ...}
export function paint(context, scene, colours) {
  const { view, density } = scene;
  const { width, height } = context.canvas;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  const base = () => context.setTransform(view.scale * density, 0, 0, view.scale * density, view.x * density, view.y * density);
  base();
  context.imageSmoothingEnabled = view.scale * density < 3;
  context.imageSmoothingQuality = "high";
  const place = (picture) => context.drawImage(picture, -0.5, -0.5); // pixel centres lie at whole numbers
  if (scene.picture) place(scene.picture);
  scene.onion.filter(Boolean).forEach((picture, n) => {
    context.globalAlpha = 1 / (n + 2);
    place(picture);
  });
  context.globalAlpha = 1;
  if (scene.bare) return;
  if (scene.mask && scene.crop.length) overlay(context, scene.mask, scene.crop);
  const unit = 1 / view.scale; // a CSS pixel
  for (const { points, lines, tone } of scene.ghosts) {
    drawLines(context, points, lines, unit, colours[tone], 1);
  }
  if (scene.tool === "crop" && scene.crop.length) drawCrop(context, scene, unit, colours);
  if (scene.points) drawFace(context, scene, unit, colours);
  drawPolygons(context, scene, unit, colours);
  if (scene.stroke) drawStroke(context, scene.stroke, colours);
  if (scene.lasso) drawLasso(context, scene.lasso, unit, colours);
  if (scene.cursor) drawCursor(context, scene, unit, colours);
}

function drawLasso(context, [[x0, y0], [x1, y1]], unit, colours) {
  context.lineWidth = unit;
  context.strokeStyle = colours.accent;
  context.setLineDash([4 * unit, 3 * unit]);
  context.strokeRect(x0, y0, x1 - x0, y1 - y0);
  context.setLineDash([]);
}

function overlay(context, mask, crop) {
  const [[x, y], [x1, y1], , [x3, y3]] = crop;
  context.save();
  context.transform((x1 - x) / mask.width, (y1 - y) / mask.width, (x3 - x) / mask.height, (y3 - y) / mask.height, x, y);
  context.imageSmoothingEnabled = true;
  context.drawImage(mask, 0, 0);
  context.restore();
}

function path(context, points, closed) {
  context.beginPath();
  known(points).forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (closed) context.closePath();
}

function drawLines(context, points, lines, unit, colour, width) {
  context.lineWidth = width * unit;
  context.strokeStyle = colour;
  for (const line of lines) {
    path(context, line.points.map((n) => points[n]), line.closed);
    context.stroke();
  }
}

function dot(context, [x, y], radius, fill, edge, unit) {
  context.beginPath();
  context.arc(x, y, radius, 0, TURN);
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = unit;
  context.strokeStyle = edge;
  context.stroke();
}

function drawFace(context, { points, lines, selected, active, tool, view }, unit, colours) {
  const quiet = tool !== "points";
  context.globalAlpha = quiet ? 0.5 : 1;
  drawLines(context, points, lines, unit, colours.shade, 3);
  drawLines(context, points, lines, unit, colours.line, 1.2);
  if (!quiet) {
    const size = Math.max(2.2, Math.min(4, view.scale * 1.1)) * unit;
    points.forEach((point, n) => {
      if (point[0] === null) return;
      const chosen = selected.has(n);
      dot(context, point, chosen ? size * 1.35 : size, chosen ? colours.accent : colours.point, colours.shade, unit);
    });
    if (selected.size > 1) drawFrame(context, [...selected].map((n) => points[n]), unit, colours);
    if (active >= 0 && points[active]?.[0] !== null) {
      context.beginPath();
      context.arc(...points[active], size * 2.4, 0, TURN);
      context.lineWidth = 1.5 * unit;
      context.strokeStyle = colours.accent;
      context.stroke();
    }
  }
  context.globalAlpha = 1;
}

export const ROOM = 14; // CSS pixels between points and the frame around them

// The places of the handles of a selection: the four corners scale, the one above turns.
export function handles(points, scale) {
  const room = ROOM / scale;
  const { left, top, right, bottom } = bounds(points);
  const [l, t, r, b] = [left - room, top - room, right + room, bottom + room];
  return { corners: [[l, t], [r, t], [r, b], [l, b]], turn: [(l + r) / 2, t - 22 / scale] };
}

function drawFrame(context, points, unit, colours) {
  const { corners, turn } = handles(points, 1 / unit);
  drawHandles(context, corners, turn, unit, colours);
}

function drawHandles(context, corners, turn, unit, colours) {
  context.setLineDash([4 * unit, 3 * unit]);
  context.lineWidth = unit;
  context.strokeStyle = colours.accent;
  path(context, corners, true);
  context.stroke();
  path(context, [[(corners[0][0] + corners[1][0]) / 2, (corners[0][1] + corners[1][1]) / 2], turn], false);
  context.stroke();
  context.setLineDash([]);
  for (const [x, y] of corners) {
    context.fillStyle = colours.accent;
    context.fillRect(x - 4 * unit, y - 4 * unit, 8 * unit, 8 * unit);
  }
  dot(context, turn, 5 * unit, colours.accent, colours.shade, unit);
}

// The handles of a crop: its corners, and one beyond its upper edge.
export function cropHandles(crop, scale) {
  const top = [(crop[0][0] + crop[1][0]) / 2, (crop[0][1] + crop[1][1]) / 2];
  const bottom = [(crop[2][0] + crop[3][0]) / 2, (crop[2][1] + crop[3][1]) / 2];
  const up = [top[0] - bottom[0], top[1] - bottom[1]];
  const length = Math.hypot(...up) || 1;
  return { corners: crop, turn: [top[0] + (up[0] / length) * (24 / scale), top[1] + (up[1] / length) * (24 / scale)] };
}

function drawCrop(context, { crop, view }, unit, colours) {
  context.save();
  context.beginPath();
  context.rect(-1e5, -1e5, 2e5, 2e5);
  crop.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.fillStyle = "rgb(0 0 0 / .45)";
  context.fill("evenodd");
  context.restore();
  const { corners, turn } = cropHandles(crop, view.scale);
  drawHandles(context, corners, turn, unit, colours);
}

function drawPolygons(context, { polygons, draft, chosen, tool, include, vertex }, unit, colours) {
  polygons.forEach((polygon, n) => {
    const colour = polygon.include ? colours.include : colours.exclude;
    path(context, polygon.points, true);
    context.lineWidth = (n === chosen ? 2.5 : 1.5) * unit;
    context.strokeStyle = colour;
    context.stroke();
    if (tool !== "polygon") return;
    for (const [m, point] of polygon.points.entries()) {
      if (n !== chosen && polygon.points.length > 60) break;
      dot(context, point, (n === chosen ? 4 : 2.5) * unit, n === chosen && m === vertex ? colours.accent : colour, colours.shade, unit);
    }
  });
  if (!draft?.length) return;
  const colour = include ? colours.include : colours.exclude;
  path(context, draft, false);
  context.lineWidth = 2 * unit;
  context.strokeStyle = colour;
  context.stroke();
  draft.forEach((point, n) => dot(context, point, (n ? 3.5 : 6) * unit, colour, colours.shade, unit));
}

function drawStroke(context, { path: points, radius, include }, colours) {
  context.globalAlpha = 0.55;
  context.strokeStyle = context.fillStyle = include ? colours.include : colours.exclude;
  context.lineWidth = radius * 2;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  if (points.length === 1) {
    context.arc(...points[0], radius, 0, TURN);
    context.fill();
  } else {
    points.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
  }
  context.globalAlpha = 1;
}

function drawCursor(context, { cursor, tool, radius, include }, unit, colours) {
  const [x, y] = cursor;
  const colour = include ? colours.include : colours.exclude;
  for (const [width, tone] of [[3, colours.shade], [1.3, colour]]) {
    context.lineWidth = width * unit;
    context.strokeStyle = tone;
    context.beginPath();
    if (tool === "brush") context.arc(x, y, radius, 0, TURN);
    context.moveTo(x - 5 * unit, y);
    context.lineTo(x + 5 * unit, y);
    context.moveTo(x, y - 5 * unit);
    context.lineTo(x, y + 5 * unit);
    context.stroke();
  }
}

// A round glass with what lies under a place, enlarged: drawn beside it, so that the pointer hides nothing.
export function loupe(context, scene, place, colours) {
  const { view, density } = scene;
  const radius = 82;
  const zoom = Math.max(view.scale * 3, 6);
  const [px, py] = [place[0] * view.scale + view.x, place[1] * view.scale + view.y];
  const [wide, high] = [context.canvas.width / density, context.canvas.height / density];
  const cx = px + radius + 34 > wide - radius ? px - radius - 34 : px + radius + 34;
  const cy = Math.max(radius + 6, Math.min(high - radius - 6, py - radius - 20));
  context.setTransform(density, 0, 0, density, 0, 0);
  context.save();
  context.beginPath();
  context.arc(cx, cy, radius, 0, TURN);
  context.clip();
  context.fillStyle = colours.ground;
  context.fillRect(cx - radius, cy - radius, radius * 2, radius * 2);
  const glass = { ...scene, view: { scale: zoom, x: cx - place[0] * zoom, y: cy - place[1] * zoom } };
  const shift = glass.view;
  context.setTransform(zoom * density, 0, 0, zoom * density, shift.x * density, shift.y * density);
  context.imageSmoothingEnabled = false;
  if (scene.picture) context.drawImage(scene.picture, -0.5, -0.5);
  const unit = 1 / zoom;
  if (scene.points && scene.tool === "points") drawFace(context, glass, unit, colours);
  drawPolygons(context, glass, unit, colours);
  context.setTransform(density, 0, 0, density, 0, 0);
  context.strokeStyle = colours.accent;
  context.lineWidth = 1;
  for (const [dx, dy] of [[1, 0], [0, 1], [-1, 0], [0, -1]]) {
    context.beginPath();
    context.moveTo(cx + dx * 5, cy + dy * 5);
    context.lineTo(cx + dx * 16, cy + dy * 16);
    context.stroke();
  }
  context.restore();
  context.beginPath();
  context.arc(cx, cy, radius, 0, TURN);
  context.lineWidth = 2;
  context.strokeStyle = colours.edge;
  context.stroke();
}

// A grey mask as a tint over what is hidden.
export async function tinted(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const data = context.getImageData(0, 0, bitmap.width, bitmap.height);
  for (let i = 0; i < data.data.length; i += 4) {
    const hidden = 255 - data.data[i];
    data.data.set([225, 62, 84, Math.round(hidden * 0.5)], i);
  }
  context.putImageData(data, 0, 0);
  return canvas;
}

