import { expect, test } from 'vitest';
import { PlatformError } from '../../shared/errors.ts';
import { faultOfError, faultOfOutcome, renderFault } from './fault-responses.ts';

const secret = 'Error: db password is hunter2';

test.each([
  ['unavailable', 'init_circuit_open', 503],
  ['unavailable', 'driver_unhealthy', 503],
  ['unprocessable', 'runtime_missing', 422],
  ['function_error', 'init_failed', 502],
  ['internal', 'storage_bug', 500],
] as const)('%s/%s tells the public nothing of the host or of user code', (kind, code, status) => {
  const { body } = renderFault(faultOfError(new PlatformError(kind, code, secret)), 'inv_1');
  expect(body).not.toContain('hunter2');
  expect(JSON.parse(body)).toMatchObject({ status, invocationId: 'inv_1' });
});

test('what the caller can act on is said', () => {
  const fault = (kind: 'payload_too_large' | 'unavailable', code: string) =>
    faultOfError(new PlatformError(kind, code, 'what to do', { retryAfterSeconds: 3 }));
  expect(fault('payload_too_large', 'request_too_large')).toMatchObject({ status: 413, detail: 'what to do' });
  expect(fault('unavailable', 'function_disabled')).toMatchObject({ status: 503, detail: 'what to do' });
  expect(fault('unavailable', 'capacity').retryAfterSeconds).toBe(3);
});

test.each([
  ['timeout', 504, 'function_timeout'],
  ['init-timeout', 504, 'init_timeout'],
  ['init-failed', 502, 'init_failed'],
  ['out-of-memory', 502, 'out_of_memory'],
] as const)('a function that fails by %s is answered with %d %s', (fault, status, code) => {
  expect(faultOfOutcome({ kind: 'function-fault', fault, message: secret })).toMatchObject({ status, code });
});

test('problem documents have the types of the API', () => {
  const { body, headers } = renderFault(faultOfError(new TypeError(secret)), undefined);
  expect(JSON.parse(body)).toMatchObject({
    type: 'urn:hearth:error:internal_error',
    code: 'internal_error',
    status: 500,
  });
  expect(headers[headers.indexOf('content-length') + 1]).toBe(String(Buffer.byteLength(body)));
});
