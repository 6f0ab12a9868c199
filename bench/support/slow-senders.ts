/** A thread that sends slowly, so that what it costs does not delay the calls that are measured: says `open`, then what became of it. */
import { parentPort, workerData } from 'node:worker_threads';
import { openConnections, trickle } from '../../tests/support/many-connections.ts';

export interface SlowSendersOptions {
  readonly url: string;
  readonly count: number;
  /** Between two bytes on one connection. */
  readonly everyMs: number;
}

export interface SlowSendersResult {
  /** Closed with another answer than 408. One whose byte arrives after the end is told nothing: the kernel resets it. */
  readonly odd: number;
  readonly closedMs: number;
}

const { url, count, everyMs } = workerData as SlowSendersOptions;
const sockets = await openConnections(url, count);
parentPort?.postMessage('open');
const { answers, closedMs } = await trickle(sockets, '/echo', everyMs);
const result: SlowSendersResult = {
  odd: answers.filter((text) => text !== '' && !text.startsWith('HTTP/1.1 408 ')).length,
  closedMs,
};
parentPort?.postMessage(result);
