/**
 * Collects what was made lately. Otherwise the collector is due soon after a snapshot, in every copy: before the first answer, and writing to pages that copies
 * share. A collection of everything would throw away what V8 has learnt about the code that comes next.
 */
export function collectYoung(): void {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  // The way there without a flag on the command line: contexts that are made while it is set have the function.
  setFlagsFromString('--expose-gc');
  const collect = process.getBuiltinModule('node:vm').runInNewContext('globalThis.gc') as
    | ((options: { readonly type: 'minor' }) => void)
    | undefined;
  setFlagsFromString('--no-expose-gc');
  collect?.({ type: 'minor' });
}
