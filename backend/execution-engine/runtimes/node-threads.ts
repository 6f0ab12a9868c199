/** Node's own choice for all machines. */
const usualHelpers = 4;

/**
 * Command line options of a Node.js that may use so many processors. Left alone it starts four threads that help V8 to collect and to compile, whatever
 * the sandbox may use. With one processor or less they stand in the way of the thread that they help and use up its time (measured in docs/performance.md),
 * so there is one, which compiles and marks, and the young generation is collected without it. Collecting everything without it as well
 * (`--single-threaded-gc`) makes those pauses four times as long. No option here changes what V8 compiles: code that was compiled ahead is taken with any of them.
 */
export function threadOptions(cpus: number): readonly string[] {
  if (cpus <= 1) return ['--v8-pool-size=1', '--no-parallel-scavenge'];
  return [`--v8-pool-size=${Math.min(usualHelpers, Math.ceil(cpus))}`];
}
