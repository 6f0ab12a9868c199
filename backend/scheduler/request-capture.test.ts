import { describe, expect, it } from 'vitest';
import type { CaptureConfig } from '../../shared/capture.ts';
import { newId } from '../../shared/ids.ts';
import type { InvocationOutcome } from '../../shared/invocation.ts';
import { defaultVersionConfig } from '../../shared/version-config.ts';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import { BodyBeginning } from '../core/body-beginning.ts';
import type { HttpRequest, Invocation, InvocationReport, ResponseSink, SeenResponse } from '../core/invocation.ts';
import type { VersionSpec } from '../core/version.ts';
import { redactorOf } from '../secrets/redaction.ts';
import { RequestCapture } from './request-capture.ts';

const secret = 'hunter2-hunter2';

function captureOf({ isOn = true, open = () => ({ env: {}, redact: redactorOf([secret]) }) } = {}) {
  return new RequestCapture({ isOn, secrets: { open }, clock: new ManualClock() });
}

function call(request: Partial<HttpRequest> = {}, capture: Partial<CaptureConfig> = {}): Invocation {
  const config = defaultVersionConfig('nodejs', 'fake');
  const version: VersionSpec = {
    functionId: newId('function'),
    functionName: 'f',
    versionId: newId('version'),
    version: 1,
    digest: 'd' as VersionSpec['digest'],
    config: { ...config, capture: { ...config.capture, ...capture } },
  };
  return {
    id: newId('invocation'),
    version,
    qualifier: 'live',
    trigger: 'http',
    request: {
      kind: 'http',
      method: 'POST',
      target: '/a?b=1',
      headers: ['content-type', 'text/plain', 'Authorization', 'Bearer x'],
      clientAddress: '::1',
      scheme: 'http',
      host: 'h',
      params: {},
      body: Buffer.from('hello'),
      ...request,
    },
    acceptedAt: 1,
    enteredAt: 1,
    deadlineAt: 2,
    attempt: 1,
    traceparent: undefined,
    depth: 0,
    replayOf: undefined,
  };
}

const failed: InvocationOutcome = { kind: 'function-error', type: 'E', message: 'm', stack: 's' };

function reportOf(outcome: InvocationOutcome = failed, httpStatus?: number, responseBytes = 0): InvocationReport {
  const usage = { cpuMs: 0, peakMemoryBytes: 0, requestBytes: 0, responseBytes };
  const timing = { queuedMs: 0, acquireMs: 0, bootMs: 0, loadMs: 0, initMs: 0 };
  const rest = { firstByteMs: 0, handlerMs: 0, flushMs: 0, totalMs: 0 };
  return { outcome, start: 'warm', instanceId: undefined, httpStatus, timing: { ...timing, ...rest }, usage };
}

function sinkOf(seen?: SeenResponse): ResponseSink {
  return { head: () => undefined, chunk: () => undefined, seen: () => seen };
}

const keptOf = (invocation: Invocation, report = reportOf(), sink = sinkOf()) =>
  captureOf().keep(invocation, report, sink);

describe('which requests are kept', () => {
  const success = { kind: 'success' } as const;

  it.each([
    ['errors', failed, undefined, true],
    ['errors', success, 500, true],
    ['errors', success, 499, false],
    ['errors', success, undefined, false],
    ['errors', { kind: 'cancelled', message: 'gone' }, undefined, true],
    ['all', success, 200, true],
    ['none', failed, 500, false],
  ] as const)('%s: %j with status %s: %s', (requests, outcome, status, isKept) => {
    expect(keptOf(call({}, { requests }), reportOf(outcome, status)) !== undefined).toBe(isKept);
  });

  it('never events, WebSockets, or anything where it is switched off', () => {
    expect(keptOf({ ...call(), request: { kind: 'event', body: Buffer.from('1') } })).toBeUndefined();
    expect(keptOf(call({ isWebSocket: true }))).toBeUndefined();
    expect(captureOf({ isOn: false }).keep(call(), reportOf(), sinkOf())).toBeUndefined();
  });

  it('nothing when the secrets cannot be opened: nobody knows what to take out', () => {
    const capture = captureOf({
      open: () => {
        throw new Error('damaged');
      },
    });
    expect(capture.keep(call(), reportOf(), sinkOf())).toBeUndefined();
  });

  it('no more than so many bytes of one function, which are counted', () => {
    const capture = captureOf();
    const invocation = call({ body: Buffer.alloc(1_048_576) }, { maxBytes: 1_048_576 });
    const kept = Array.from({ length: 6 }, () => capture.keep(invocation, reportOf(), sinkOf()) !== undefined);
    expect(kept).toEqual([true, true, true, true, false, false]);
    expect(capture.dropped).toBe(2);
    expect(capture.keep(call(), reportOf(), sinkOf())).toBeDefined();
  });
});

describe('what is kept of a request', () => {
  it('all of it but credentials', () => {
    const body = Buffer.from('hello');
    const kept = keptOf(call({ body, target: '/a?b=1&access_token=x', params: { id: '7' } }));
    expect(kept).toEqual({
      head: {
        method: 'POST',
        target: '/a?b=1&access_token=redacted',
        headers: ['content-type', 'text/plain'],
        clientAddress: '::1',
        scheme: 'http',
        host: 'h',
        params: { id: '7' },
      },
      body,
      bodyBytes: 5,
      isCut: false,
      isMasked: false,
      redacted: ['header authorization', 'query access_token'],
      response: undefined,
    });
    // What is cut off is not held in memory with it.
    expect(kept?.body).not.toBe(body);
  });

  it('the beginning of what is too long, without half of a character or of a secret at its end', () => {
    const cut = keptOf(call({ body: Buffer.from('aaaä') }, { maxBytes: 4 }));
    expect(cut).toMatchObject({ body: Buffer.from('aaa'), bodyBytes: 5, isCut: true, isMasked: false });
    const half = keptOf(call({ body: Buffer.from(`key ${secret}`) }, { maxBytes: 10 }));
    expect(half).toMatchObject({ body: Buffer.from('key [redacted]'), isCut: true });
  });

  it('a stream that has ended within the limit is whole; any other is cut', () => {
    const beginning = new BodyBeginning(100);
    beginning.take(Buffer.from('hel'));
    const body = {} as HttpRequest['body'];
    expect(keptOf(call({ body, beginning }))).toMatchObject({ bodyBytes: undefined, isCut: true });
    beginning.end();
    expect(keptOf(call({ body, beginning }))).toMatchObject({ body: Buffer.from('hel'), bodyBytes: 3, isCut: false });
    expect(keptOf(call({ body }))).toMatchObject({ isCut: true });
  });

  it('never the value of a secret, wherever it stands and however it is written', () => {
    const { length } = secret;
    const places: Partial<HttpRequest>[] = [
      { target: `/a/${secret}` },
      { target: `/a?q=${encodeURIComponent(secret)}` },
      { headers: ['x-a', `a ${secret}`] },
      { headers: [`x-${secret}`, 'a'] },
      { params: { id: secret } },
      { body: Buffer.from(JSON.stringify({ a: secret })) },
      { body: Buffer.concat([Buffer.from([255, 0]), Buffer.from(secret)]) },
      { body: Buffer.from(Buffer.from(`:${secret}`).toString('base64')) },
    ];
    for (const place of places) {
      const kept = keptOf(call(place));
      const text = JSON.stringify(kept?.head) + kept?.body.toString('latin1') + kept?.redacted.join();
      expect(text).not.toContain(secret);
      expect(kept?.body.includes(Buffer.from(`:${secret}`).toString('base64').slice(2, length))).toBe(false);
    }
  });

  it('is not the same request without a part of path or body, and is without a header or parameter', () => {
    const isMasked = (request: Partial<HttpRequest>) => keptOf(call(request))?.isMasked;
    expect(isMasked({ target: `/a/${secret}` })).toBe(true);
    expect(isMasked({ body: Buffer.from(secret) })).toBe(true);
    expect(isMasked({ target: '/reset/abc', params: { token: 'abc' } })).toBe(true);
    expect(isMasked({ headers: ['x-a', secret] })).toBe(false);
    expect(isMasked({ target: '/a?token=1' })).toBe(false);
  });

  it('a credential in a path is taken out of it', () => {
    const kept = keptOf(call({ target: '/reset/a%20c?b=1', params: { token: 'a c' } }));
    expect(kept?.head).toMatchObject({ target: '/reset/redacted?b=1', params: { token: 'redacted' } });
    expect(kept?.redacted).toContain('path token');
  });
});

describe('what is kept of a response', () => {
  const head = { status: 502, headers: ['Set-Cookie', 'a=1', 'x-a', 'b', 'x-c', secret], isEventResult: false };

  it('head and beginning, without credentials', () => {
    const kept = keptOf(
      call({}, { maxBytes: 6 }),
      reportOf(failed, 502, 9),
      sinkOf({ head, body: Buffer.from('not found') }),
    );
    expect(kept?.response).toEqual({ status: 502, headers: ['x-a', 'b'], body: Buffer.from('not fo'), isCut: true });
  });

  it('the head alone of what was streamed', () => {
    const kept = keptOf(call(), reportOf(failed, 502, 9), sinkOf({ head, body: undefined }));
    expect(kept?.response).toMatchObject({ body: Buffer.alloc(0), isCut: true });
    const without = keptOf(call(), reportOf(failed, 204, 0), sinkOf({ head, body: undefined }));
    expect(without?.response).toMatchObject({ isCut: false });
  });
});
