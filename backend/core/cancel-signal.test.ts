import { expect, test } from 'vitest';
import { PlatformError } from '../../shared/errors.ts';
import { Cancellation, cancelMessage } from './cancel-signal.ts';

test.each([
  ['cancelled by request', 'cancelled by request'],
  [new PlatformError('payload_too_large', 'request_too_large', 'the body is too large'), 'the body is too large'],
  [new Error('inside'), 'the caller disconnected'],
  [undefined, 'the caller disconnected'],
])('a signal that was fired with %s says: %s', (reason, message) => {
  const cancellation = new Cancellation();
  cancellation.abort(reason);
  expect(cancelMessage(cancellation)).toBe(message);
  const controller = new AbortController();
  controller.abort(reason);
  expect(cancelMessage(controller.signal)).toBe(message);
});
