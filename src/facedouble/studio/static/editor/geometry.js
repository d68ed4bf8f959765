// Points [x, y] and similarities [[a, -b, x], [b, a, y]] in pixels of the frame.

export const still = [[1, 0, 0], [0, 1, 0]];
export const shifted = (x, y) => [[1, 0, x], [0, 1, y]];

export const at = ([[a, b, c], [d, e, f]], [x, y]) => [a * x + b * y + c, d * x + e * y + f];

// First the one on the right, then the one on the left.
export const compose = ([[a, b, c], [d, e, f]], [[g, h, i], [j, k, l]]) => [
  [a * g + b * j, a * h + b * k, a * i + b * l + c],
  [d * g + e * j, d * h + e * k, d * i + e * l + f],
];

// A turn by an angle in radians, and a scale, about a point.
export function about([x, y], angle, scale) {
  const [a, b] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  return [[a, -b, x - a * x + b * y], [b, a, y - b * x - a * y]];
}

export const distance = ([a, b], [c, d]) => Math.hypot(a - c, b - d);
export const known = (points) => points.filter(([x]) => x !== null);
export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

export function mean(points) {
  const all = known(points);
  const sum = all.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0]);
  return all.length ? [sum[0] / all.length, sum[1] / all.length] : [0, 0];
}

export function bounds(points) {
  const all = known(points);
  const xs = all.map(([x]) => x);
  const ys = all.map(([, y]) => y);
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

// Which point lies nearest to a place, within a reach; -1 for none.
export function nearest(points, place, reach) {
  let [best, least] = [-1, reach];
  points.forEach((point, n) => {
    if (point[0] === null) return;
    const away = distance(point, place);
    if (away <= least) [best, least] = [n, away];
  });
  return best;
}

export function inside(points, [x, y]) {
  let found = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [points[i], points[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) found = !found;
  }
  return found;
}

// The edge of a closed line that passes nearest to a place, as the number of its first point; -1 for none.
export function nearestEdge(points, place, reach) {
  let [best, least] = [-1, reach];
  points.forEach((start, n) => {
    const end = points[(n + 1) % points.length];
    const along = [end[0] - start[0], end[1] - start[1]];
    const length = along[0] ** 2 + along[1] ** 2 || 1;
    const share = Math.max(0, Math.min(1, ((place[0] - start[0]) * along[0] + (place[1] - start[1]) * along[1]) / length));
    const away = distance(place, [start[0] + share * along[0], start[1] + share * along[1]]);
    if (away <= least) [best, least] = [n, away];
  });
  return best;
}
