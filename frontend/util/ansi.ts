/** Terminal control sequences (ECMA-48): colours, cursor moves, titles. User code writes them; a page does not show them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const sequences = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-_])/g;

export function stripAnsi(text: string): string {
  return text.includes('\u001b') ? text.replace(sequences, '') : text;
}
