const firstPauseMs = 5;
const longestPauseMs = 100;
const probeTimeoutMs = 1000;

/** Resolves when the port takes connections, or when a GET of `path` there is answered with 200 to 399; tries for as long as it takes. */
export async function awaitReady(port: number, path: string | undefined): Promise<void> {
  let pauseMs = firstPauseMs;
  while (!(await (path === undefined ? connects(port) : answers(port, path)))) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(longestPauseMs, pauseMs * 1.5);
  }
}

/** Whether somebody takes connections there. */
export function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = process.getBuiltinModule('node:net').connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function answers(port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const { get } = process.getBuiltinModule('node:http');
    const options = {
      host: '127.0.0.1',
      port,
      path,
      timeout: probeTimeoutMs,
      headers: { 'user-agent': 'hearth-readiness' },
    };
    const request = get({ ...options, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      resolve(status >= 200 && status < 400);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}
