import { setTimeout as sleep } from 'node:timers/promises';

export default {
  /** `GET /countdown?from=5`: the client sees each line when it is written, and leaving early stops the function. */
  async fetch(request) {
    const from = Math.min(Number(new URL(request.url).searchParams.get('from') ?? 5) || 5, 50);
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      async start(controller) {
        for (let left = from; left > 0 && !request.signal.aborted; left--) {
          controller.enqueue(encoder.encode(`${left}\n`));
          await sleep(100);
        }
        controller.enqueue(encoder.encode('lift-off\n'));
        controller.close();
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/plain; charset=utf-8' } });
  },
};
