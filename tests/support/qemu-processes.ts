import { readFileSync } from 'node:fs';

/** The processes of QEMU below bwrap, which outlives them long enough to say how they ended. */
export function qemusBelow(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  const isQemu = readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu');
  return [...(isQemu ? [pid] : []), ...children.flatMap(qemusBelow)];
}
