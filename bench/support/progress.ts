/** Says on stderr how far a bench is, with the seconds since its process began. */
export function progress(step: string): void {
  console.error(`  ${performance.now().toFixed(0).slice(0, -3) || '0'} s: ${step}`);
}
