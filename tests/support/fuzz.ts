const factor = Number(process.env['HEARTH_TEST_FUZZ_FACTOR'] ?? 1);
const seed = process.env['HEARTH_TEST_FUZZ_SEED'];

/**
 * For `fc.assert`: with how many cases a property of a parser is tried, `usual` times `HEARTH_TEST_FUZZ_FACTOR`, and which. A property that fails
 * prints its seed and path; `HEARTH_TEST_FUZZ_SEED` repeats it.
 */
export function cases(usual = 100): { readonly numRuns: number; readonly seed?: number } {
  const numRuns = Math.max(10, Math.round(usual * factor));
  if (factor > 1) process.stdout.write(`${numRuns} cases\n`);
  return seed === undefined ? { numRuns } : { numRuns, seed: Number(seed) };
}
