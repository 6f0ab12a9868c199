import { parentPort, workerData } from 'node:worker_threads';
import { type ArrivalsOptions, arrivals } from './arrivals.ts';

/** A thread of its own, so that what floods does not delay what measures. */
parentPort?.postMessage(await arrivals(workerData as ArrivalsOptions));
