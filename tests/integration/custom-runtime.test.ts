import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployedSchema } from '../../shared/api/functions.ts';
import { invocationDetailSchema, invocationPageSchema, logPageSchema } from '../../shared/api/invocations.ts';
import { craftZip } from '../support/archives.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const needsCurl = has('curl') ? undefined : 'curl is not installed';
const needsCompiler = has('cc') ? undefined : 'no C compiler is installed';

/** A shell `bootstrap`: `init` runs once, `body` for each invocation with `$id`, `$event` (a file) and `$api`. */
const script = (body: string, init = ''): string => `#!/bin/sh
set -u
runtime="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
api="$runtime/invocation"
event=/tmp/event
post() { curl -s -o /tmp/said -w '%{http_code}' "$@"; }
${init}
while :; do
  curl -sf -D /tmp/head -o $event "$api/next" || exit 9
  id=$(sed -n 's/^lambda-runtime-aws-request-id: *\\([^[:space:]]*\\).*/\\1/p' /tmp/head)
  ${body}
done
`;

let platform: Platform;
let counter = 0;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(async () => await platform.dispose());

async function deploy(bootstrap: string, config: object = {}): Promise<string> {
  const name = `custom-${++counter}`;
  const body = { name, runtime: 'custom', files: { bootstrap }, timeoutMs: 20_000, ...config };
  const response = await platform.api('POST', '/api/v1/functions', body);
  expect(response.status, await response.clone().text()).toBe(201);
  deployedSchema.parse(await response.json());
  return name;
}
const invoke = async (name: string, event: unknown = null): Promise<Response> =>
  await platform.api('POST', `/api/v1/functions/${name}/invocations`, event);
const problemOf = async (response: Response) =>
  (await response.json()) as { code: string; detail: string; error?: object };

async function logsOf(name: string, count: number) {
  return await eventually(async () => {
    const page = logPageSchema.parse(await (await platform.api('GET', `/api/v1/functions/${name}/logs`)).json());
    expect(page.items.length).toBeGreaterThanOrEqual(count);
    return page.items;
  });
}

/** How the instance of the latest call that was recorded was obtained; records are written a moment after the response. */
async function lastStartOf(name: string): Promise<string> {
  return await eventually(async () => {
    const response = await platform.api('GET', `/api/v1/invocations?function=${name}`);
    const page = invocationPageSchema.parse(await response.json());
    expect(page.items.length).toBeGreaterThanOrEqual(2);
    return page.items[0]?.start ?? '';
  });
}

describe.skipIf(needsCurl !== undefined)(`a shell script as bootstrap${skippedFor(needsCurl)}`, () => {
  it('answers events and HTTP, with the variables, headers and logs that Lambda has', async () => {
    const name = await deploy(
      script(
        `echo "said to nobody else" ; echo warning >&2
  head_of() { sed -n "s/^$1: //p" /tmp/head | tr -d '\\r' ; }
  jq -c --arg trace "$(head_of lambda-runtime-trace-id)" --arg parent "$(head_of traceparent)" --arg deadline "$(head_of lambda-runtime-deadline-ms)" --arg region "$REGION" --arg handler "$_HANDLER" \\
    '{event: ., trace: $trace, parent: $parent, deadline: ($deadline | tonumber), region: $region, handler: $handler, root: env.LAMBDA_TASK_ROOT, function: env.AWS_LAMBDA_FUNCTION_NAME}' $event >/tmp/answer
  post --data-binary @/tmp/answer "$api/$id/response" >/dev/null`,
      ),
      { env: { REGION: 'cellar' }, handler: 'a.b/c', timeoutMs: 45_000 },
    );
    const calledAt = Date.now();
    const answer = await platform.api(
      'POST',
      `/api/v1/functions/${name}/invocations`,
      { n: 1 },
      {
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
    );
    const told = (await answer.json()) as { deadline: number; parent: string };
    // The time by which the platform wants the answer, on the clock of the sandbox.
    expect(told.deadline).toBeGreaterThanOrEqual(calledAt + 45_000);
    expect(told.deadline).toBeLessThanOrEqual(Date.now() + 45_000);
    const span = told.parent.slice(36, 52);
    expect(told).toEqual({
      event: { n: 1 },
      deadline: told.deadline,
      parent: `00-0af7651916cd43dd8448eb211c80319c-${span}-01`,
      trace: `Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=${span};Sampled=1`,
      region: 'cellar',
      handler: 'a.b/c',
      root: '/app',
      function: name,
    });
    const id = answer.headers.get('hearth-invocation-id') ?? '';
    const lines = (await logsOf(name, 2)).filter((line) => line.invocationId === id);
    expect(lines.map((line) => [line.stream, line.text]).sort()).toEqual([
      ['stderr', 'warning'],
      ['stdout', 'said to nobody else'],
    ]);
    const page = await fetch(`${platform.gatewayUrl}/${name}/x?y=1`);
    expect(await page.json()).toMatchObject({
      event: { version: '2.0', rawPath: '/x', queryStringParameters: { y: '1' } },
      // Begun here, where nothing is exported.
      trace: expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/),
    });
    const detail = await eventually(async () =>
      invocationDetailSchema.parse(await (await platform.api('GET', `/api/v1/invocations/${id}`)).json()),
    );
    expect(detail.usage?.cpuMs).toBeGreaterThan(0);
  });

  it('sets status, headers and cookies of HTTP responses, streams, and sends what is no JSON as text', async () => {
    const streaming = 'lambda-runtime-function-response-mode: streaming';
    const name = await deploy(
      script(`case "$(jq -r '.rawPath // "api"' $event)" in
  /plain) post --data-binary 'no json' "$api/$id/response" ;;
  /http) post -d '{"statusCode":201,"headers":{"x-a":"1"},"cookies":["c=1"],"body":"made"}' "$api/$id/response" ;;
  /stream) { printf '{"statusCode":202,"headers":{"content-type":"text/x-lines"}}'; head -c 8 /dev/zero; seq 3; } |
    post -H '${streaming}' -H 'content-type: application/vnd.awslambda.http-integration-response' -H 'transfer-encoding: chunked' --data-binary @- "$api/$id/response" ;;
  /large) head -c 3000000 /dev/zero | tr '\\0' x | post -H '${streaming}' -H 'content-type: text/plain' --data-binary @- "$api/$id/response" ;;
  *) post --data-binary 'no json' "$api/$id/response" ;;
  esac >/dev/null`),
    );
    const get = async (path: string) => await fetch(`${platform.gatewayUrl}/${name}${path}`);
    const plain = await get('/plain');
    expect([plain.headers.get('content-type'), await plain.text()]).toEqual(['text/plain; charset=utf-8', 'no json']);
    const http = await get('/http');
    expect([http.status, http.headers.get('x-a'), http.headers.get('set-cookie'), await http.text()]).toEqual([
      201,
      '1',
      'c=1',
      'made',
    ]);
    const stream = await get('/stream');
    expect([stream.status, stream.headers.get('content-type'), await stream.text()]).toEqual([
      202,
      'text/x-lines',
      '1\n2\n3\n',
    ]);
    expect((await (await get('/large')).text()).length).toBe(3_000_000);
    expect(await (await invoke(name)).text()).toBe('no json');
  });

  it('an error has the type, message and trace that bootstrap gave it, and the instance goes on', async () => {
    const name = await deploy(
      script(
        `post -d '{"errorType":"Shell.Sad","errorMessage":"no luck","stackTrace":["line 1","line 2"]}' "$api/$id/error" >/dev/null`,
      ),
    );
    for (let i = 0; i < 2; i++) {
      const response = await invoke(name);
      expect(response.status).toBe(502);
      expect(await response.json()).toMatchObject({
        error: { type: 'Shell.Sad', message: 'no luck', stack: 'Shell.Sad: no luck\nline 1\nline 2' },
      });
    }
    expect(await lastStartOf(name)).toBe('warm');
  });

  it.each([
    [
      'init/error',
      `post -d '{"errorType":"Init.Bad","errorMessage":"no database"}' "$runtime/init/error" >/dev/null; sleep 30`,
      'Init.Bad: no database',
    ],
    [
      'an exit before the first next',
      'echo "missing library" >&2; exit 3',
      'Runtime.ExitError: bootstrap exited with code 3; its last words: missing library',
    ],
    ['an end by a signal', 'kill -SEGV $$', 'was ended by SIGSEGV'],
  ])('%s: the function failed to start', async (_what, init, words) => {
    const name = await deploy(script('', init));
    const response = await invoke(name);
    expect(response.status).toBe(502);
    expect(JSON.stringify(await response.json())).toContain(words);
  });

  it('one that never asks for an invocation has initTimeoutMs', async () => {
    const name = await deploy('#!/bin/sh\nsleep 60\n', { initTimeoutMs: 500 });
    const response = await invoke(name);
    expect([response.status, (await problemOf(response)).detail]).toEqual([504, expect.stringContaining('500 ms')]);
  });

  it('one that dies in a call fails that call as an exit; the next call has a new one', async () => {
    const name = await deploy(
      script(
        `if [ "$(cat $event)" = '"die"' ]; then echo 'last words'; exit 7; fi; post -d '"alive"' "$api/$id/response" >/dev/null`,
      ),
    );
    const dead = await invoke(name, 'die');
    expect([dead.status, JSON.stringify(await dead.json())]).toEqual([
      502,
      expect.stringContaining('exited with code 7'),
    ]);
    expect((await logsOf(name, 1))[0]).toMatchObject({
      text: 'last words',
      invocationId: dead.headers.get('hearth-invocation-id'),
    });
    expect(await (await invoke(name, 'live')).json()).toBe('alive');
  });

  it('one that hangs is ended at the deadline', async () => {
    const name = await deploy(
      script('if [ "$(cat $event)" = 1 ]; then sleep 60; fi; post -d 2 "$api/$id/response" >/dev/null'),
      {
        timeoutMs: 2000,
      },
    );
    expect((await invoke(name, 1)).status).toBe(504);
    await eventually(async () => expect(await (await invoke(name, 2)).json()).toBe(2));
  });

  it('a second answer is refused and changes nothing; an answer to nobody as well', async () => {
    const name = await deploy(
      script(`first=$(post -d '"first"' "$api/$id/response"); second=$(post -d '"second"' "$api/$id/response")
  stranger=$(post -d 1 "$api/nobody/response"); late=$(post -d '{}' "$runtime/init/error"); wrong=$(post -d 1 "$runtime/nothing")
  echo "$first $second $stranger $late $wrong"`),
    );
    expect(await (await invoke(name)).json()).toBe('first');
    expect((await logsOf(name, 1))[0]?.text).toBe('202 400 400 403 404');
    expect(await (await invoke(name)).json()).toBe('first');
  });

  it('an answer after the deadline is taken and dropped, and the instance lives on', async () => {
    const name = await deploy(
      script(`deadline=$(sed -n 's/^lambda-runtime-deadline-ms: *\\([0-9]*\\).*/\\1/p' /tmp/head)
  if [ "$(cat $event)" = 1 ]; then until [ "$(date +%s%3N)" -gt $((deadline + 20)) ]; do sleep 0.02; done; fi
  echo "said $(post -d "$(cat $event)" "$api/$id/response")"`),
      { timeoutMs: 2000 },
    );
    expect(await (await invoke(name, 0)).json()).toBe(0);
    expect((await invoke(name, 1)).status).toBe(504);
    const said = (await logsOf(name, 2)).map((line) => line.text);
    expect(said).toEqual(['said 202', 'said 202']);
    expect(await (await invoke(name, 2)).json()).toBe(2);
    expect(await lastStartOf(name)).toBe('warm');
  });

  it('one that asks for the next call without answering fails the call at once', async () => {
    const name = await deploy(script(':'));
    const response = await invoke(name);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { type: 'Runtime.NoResponse' } });
  });

  it('a response over the limit is refused to both sides', async () => {
    const name = await deploy(
      script(
        `head -c 20000 /dev/zero | tr '\\0' 1 >/tmp/large; echo "said $(post --data-binary @/tmp/large "$api/$id/response")"`,
      ),
      { maxResponseBytes: 10_000 },
    );
    const response = await invoke(name);
    expect(response.status).toBe(502);
    expect(JSON.stringify(await response.json())).toContain('10000');
    expect((await logsOf(name, 1))[0]?.text).toBe('said 413');
  });

  it('takes several calls at once when bootstrap asks several times', async () => {
    const one = `while :; do curl -sf -D /tmp/h$n -o /tmp/e$n "$api/next" || exit 9
      id=$(sed -n 's/^lambda-runtime-aws-request-id: *\\([^[:space:]]*\\).*/\\1/p' /tmp/h$n)
      echo $n >>/tmp/here; until [ "$(wc -l </tmp/here)" -ge 2 ]; do sleep 0.02; done
      curl -s -o /dev/null --data-binary "$n" "$api/$id/response"; done`;
    const name = await deploy(script('', `touch /tmp/here; n=1; ( ${one} ) & n=2; ${one}`), {
      concurrency: 2,
      maxInstances: 1,
    });
    // Each waits for the other, so they must run together.
    const answers = await Promise.all([invoke(name), invoke(name)].map(async (answer) => await (await answer).json()));
    expect(answers.sort()).toEqual([1, 2]);
  });
});

describe('a compiled bootstrap', () => {
  it.skipIf(needsCompiler !== undefined)(`keeps its executable bit in a .zip${skippedFor(needsCompiler)}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hearth-custom-'));
    try {
      const output = join(directory, 'bootstrap');
      const built = spawnSync('cc', ['-O1', '-o', output, join(import.meta.dirname, '../fixtures/custom/bootstrap.c')]);
      expect(built.status, String(built.stderr)).toBe(0);
      const form = new FormData();
      form.set(
        'config',
        new Blob(['{"name":"compiled","runtime":"custom"}'], { type: 'application/json' }),
        'config.json',
      );
      const zip = craftZip([{ name: 'bootstrap', content: readFileSync(output), mode: 0o100755 }]);
      form.set('bundle', new Blob([new Uint8Array(zip)], { type: 'application/zip' }), 'bundle.zip');
      const response = await fetch(`${platform.url}/api/v1/functions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${platform.token}` },
        body: form,
      });
      expect(response.status, await response.clone().text()).toBe(201);
      for (const n of [1, 2, 3]) {
        expect(await (await invoke('compiled', { n })).json()).toEqual({
          event: { n },
          name: 'compiled',
          memory: '128',
          handler: 'bootstrap',
        });
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('is checked before it is deployed', async () => {
    const body = { name: 'wrong', runtime: 'custom', files: { bootstrap: '#!/usr/bin/ruby\n' } };
    const response = await platform.api('POST', '/api/v1/functions', body);
    expect(response.status).toBe(422);
    expect((await problemOf(response)).detail).toContain('asks for /usr/bin/ruby');
    const none = await platform.api('POST', '/api/v1/functions', { ...body, files: { 'main.sh': '#!/bin/sh\n' } });
    expect((await problemOf(none)).detail).toContain('bootstrap: is missing');
  });
});
