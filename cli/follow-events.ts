import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestOptions } from './api-client.ts';
import type { CliContext } from './context.ts';
import { readEvents, type ServerEvent } from './event-stream.ts';
import { CliError, exitCodes } from './exit-codes.ts';

export interface FollowOptions {
  readonly query?: RequestOptions['query'];
  /** The event after which the stream begins; where the platform begins when left out. */
  readonly lastId?: string | undefined;
}

const retryMs = 1000;

/**
 * The events of a stream of the API, over lost connections: each goes on after the last event that was taken. It ends when the caller leaves it.
 * Rejects when the platform refuses, and with Ctrl-C.
 */
export async function* followEvents(
  { client, terminal, signal }: CliContext,
  path: string,
  { query, lastId: startAfter }: FollowOptions = {},
): AsyncGenerator<ServerEvent> {
  let lastId = startAfter;
  for (;;) {
    const headers = { accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) };
    try {
      const { body } = await client.request(path, { query: { ...query, follow: 1 }, headers, signal });
      for await (const event of body === null ? [] : readEvents(body)) {
        lastId = event.id ?? lastId;
        yield event;
      }
    } catch (error) {
      if (signal.aborted || (error instanceof CliError && error.exitCode !== exitCodes.unavailable)) throw error;
    }
    terminal.say(terminal.style('dim', 'connection lost; trying again in 1 s'));
    await sleep(retryMs, undefined, { signal });
  }
}
