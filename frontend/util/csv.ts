/** A field as RFC 4180 wants it. What a spreadsheet would run as a formula is defused with a quote. */
function csvField(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvOf(rows: readonly (readonly (string | number | null)[])[]): string {
  return rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

/** The numbers of a chart, a row per step. A step in which nothing is known has empty fields: a gap stays a gap. */
export function chartCsv(
  x: readonly number[],
  series: readonly { readonly label: string; readonly values: readonly (number | null)[] }[],
): string {
  const head = ['time', ...series.map((item) => item.label)];
  const rows = x.map((seconds, index) => [
    new Date(seconds * 1000).toISOString(),
    ...series.map((item) => item.values[index] ?? null),
  ]);
  return csvOf([head, ...rows]);
}

/** Gives the person a file. */
export function saveFile(fileName: string, type: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
