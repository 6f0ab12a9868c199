import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SignatureAuth } from '../../../shared/caller-auth.ts';
import type { CallerProof } from '../../core/ports/caller-authenticator.ts';

const defaultToleranceSeconds = 300;
/** Several keys may be in use while one is replaced; more signatures than this are noise. */
const maxSignatures = 8;
const minKeyBytes = 16;

/** The bytes of a key: `whsec_` and base64, or text as it is. Undefined when it is too short to be safe. */
export function signatureKey(text: string): Buffer | undefined {
  const key = text.startsWith('whsec_') ? Buffer.from(text.slice(6), 'base64') : Buffer.from(text);
  return key.length < minKeyBytes ? undefined : key;
}

export type SignatureVerdict =
  | { readonly isValid: true; readonly messageId: string; readonly expiresAt: number }
  | { readonly isValid: false; readonly reason: string };

const invalid = (reason: string): SignatureVerdict => ({ isValid: false, reason });

/**
 * Standard Webhooks, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: one of the
 * space-separated `v1,<base64>` must be the HMAC-SHA256 of `id.timestamp.body`. `expiresAt` (`now` is Clock.now) is when the
 * message would be too old: so long its id must be remembered.
 */
export function verifySignature(auth: SignatureAuth, key: Buffer, proof: CallerProof, now: number): SignatureVerdict {
  const { webhookId: id, webhookTimestamp: timestamp, webhookSignature: signatures, body } = proof;
  if (id === undefined || timestamp === undefined || signatures === undefined) return invalid('a header is missing');
  // A full stop in it would let the end of an id be taken for a time, and what was the time for the body.
  if (!/^[\x21-\x2d\x2f-\x7e]{1,255}$/.test(id)) return invalid('webhook-id is malformed');
  if (!/^[0-9]{1,12}$/.test(timestamp)) return invalid('webhook-timestamp is not in seconds');
  const toleranceMs = (auth.toleranceSeconds ?? defaultToleranceSeconds) * 1000;
  const sentAt = Number(timestamp) * 1000;
  if (Math.abs(now - sentAt) > toleranceMs) return invalid('the message is too old, or a clock is wrong');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  const given = signatures.split(' ', maxSignatures + 1);
  if (given.length > maxSignatures) return invalid('too many signatures');
  let isValid = false;
  for (const signature of given) {
    if (!signature.startsWith('v1,')) continue;
    const bytes = Buffer.from(signature.slice(3), 'base64');
    if (bytes.length === expected.length && timingSafeEqual(bytes, expected)) isValid = true;
  }
  return isValid
    ? { isValid, messageId: id, expiresAt: sentAt + toleranceMs + 1000 }
    : invalid('the signature is wrong');
}
