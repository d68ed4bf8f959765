// Ranges of frames as settings write them: by number, which in a sequence is that of the file.

const numberOf = (result, place) => (result.numbers ? result.numbers[place] : place);

function placeOf(result, number) {
  if (!result.numbers) return number;
  const place = result.numbers.findIndex((one) => one >= number);
  return place < 0 ? result.frames : place;
}

export const spanText = (result, [first, last]) => `${numberOf(result, first)}-${numberOf(result, last)}`;

// The first and last place that ranges reach; all of the clip where there are none.
export function spanOf(ranges, result) {
  const parts = (ranges || []).flatMap((range) => range.split(",")).map((range) => range.trim().split("-"));
  const bounds = parts.filter(([from]) => /^\d+$/.test(from.trim())).map(([from, to]) => [
    placeOf(result, Number(from)),
    to === undefined ? placeOf(result, Number(from)) : to.trim() === "" ? result.frames - 1 : placeOf(result, Number(to)),
  ]);
  if (!bounds.length) return [0, result.frames - 1];
  const last = Math.max(...bounds.map(([, to]) => to));
  return [Math.min(...bounds.map(([from]) => from)), Math.min(last, result.frames - 1)];
}
