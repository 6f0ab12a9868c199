/** Entry of a database thread. Bundled on its own: see `defaultWorkerUrl`. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { releaseStartMemory } from '../../util/release-memory.ts';
import { DatabaseThread } from './database-thread.ts';
import type { ThreadOptions, WireMessage } from './protocol.ts';

const port = parentPort;
if (port !== null) {
  const thread = DatabaseThread.open({
    ...(workerData as ThreadOptions),
    post: (message) => port.postMessage(message),
    poll: () => receiveMessageOnPort(port)?.message as WireMessage | undefined,
    end: () => port.close(),
  });
  if (thread !== undefined) {
    port.on('message', (message: WireMessage) => thread.receive(message));
    releaseStartMemory();
  }
}
