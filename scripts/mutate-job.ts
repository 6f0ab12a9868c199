/** What scripts/mutate.ts and mutate-driver.ts say to each other. */
export interface Mutant {
  readonly id: string;
  readonly replacement: string;
  /** Lines and columns from 0. */
  readonly location: Readonly<Record<'start' | 'end', { readonly line: number; readonly column: number }>>;
}
export interface Job {
  readonly tests: readonly string[];
  /** A line of JSON when a change is begun, one with its outcome, and an empty object for each test before the first, as a sign of life. */
  readonly output: string;
  /** Their ids. */
  readonly mutants: readonly string[];
}
export type Outcome = 'killed' | 'survived' | 'timeout';
