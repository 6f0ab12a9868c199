/**
 * What the agent needs of the globals, taken before user code runs: a function that overwrites JSON.stringify, installs fake
 * timers or stubs Date.now then hurts only itself.
 */
export const parseJson: (text: string) => unknown = JSON.parse;
export const stringifyJson: (value: unknown) => string | undefined = JSON.stringify;
export const dateNow = Date.now;
const elapsed = process.hrtime;
/** Milliseconds of a clock that nobody sets. Not `performance.now`: eleven modules and a quarter of a MiB in every instance. */
export function monotonic(): number {
  const [seconds, nanoseconds] = elapsed();
  return seconds * 1000 + nanoseconds / 1e6;
}
export const later = setImmediate;
export const startTimer = setTimeout;
export const startInterval = setInterval;
export const cancelTimer = clearTimeout;
export const exitProcess: (code: number) => never = process.exit.bind(process);
export const cpuUsage = process.cpuUsage.bind(process);
export const resourceUsage = process.resourceUsage.bind(process);
export const residentBytes = process.memoryUsage.rss;
export const bytesFrom: (text: string, encoding?: BufferEncoding) => Buffer = Buffer.from;
export const viewBytes: (bytes: ArrayBuffer, offset?: number, length?: number) => Buffer = Buffer.from;
export const allocate = Buffer.allocUnsafeSlow;
export const joinBytes = Buffer.concat;
export const utf8Length = Buffer.byteLength;
