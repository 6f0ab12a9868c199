/** SVG paths of a sparkline: from zero at the bottom to the highest value at the top. Null ends a piece of line. */
export function sparkPath(
  values: readonly (number | null)[],
  width: number,
  height: number,
): { readonly line: string; readonly area: string } {
  const highest = values.reduce<number>((max, value) => Math.max(max, value ?? 0), 0);
  const scale = highest === 0 ? 0 : (height - 3) / highest;
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  const round = (value: number) => Math.round(value * 10) / 10;
  const pieces: [number, number][][] = [];
  let piece: [number, number][] = [];
  values.forEach((value, index) => {
    if (value === null) {
      if (piece.length > 0) pieces.push(piece);
      piece = [];
    } else piece.push([round(index * step), round(height - 1.5 - value * scale)]);
  });
  if (piece.length > 0) pieces.push(piece);
  const lineOf = (points: readonly (readonly [number, number])[]) => {
    const [first] = points;
    // A point between two gaps is a line without length: its round ends make it a dot.
    const drawn = points.length === 1 && first !== undefined ? [first, first] : points;
    return `M${drawn.map(([x, y]) => `${x},${y}`).join('L')}`;
  };
  return {
    line: pieces.map(lineOf).join(''),
    area: pieces
      .map((points) => `${lineOf(points)}L${points.at(-1)?.[0] ?? 0},${height}L${points[0]?.[0] ?? 0},${height}Z`)
      .join(''),
  };
}
