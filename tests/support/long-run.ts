/** Says how far a test has come that was asked to do more than it usually does, so that one that is ended before its time has shown something too. */
export function sayProgress(isLong: boolean, text: string): void {
  if (isLong) process.stdout.write(`${new Date().toISOString()} ${text}\n`);
}
