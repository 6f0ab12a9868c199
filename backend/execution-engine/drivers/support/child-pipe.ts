import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';

/** Node makes every pipe of a child a socket pair, so each is a duplex; its types only know the first five. */
export function pipeOf(child: ChildProcess, descriptor: number): Duplex {
  const pipes: readonly unknown[] = child.stdio;
  return pipes[descriptor] as Duplex;
}
