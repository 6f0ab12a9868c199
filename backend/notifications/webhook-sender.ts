import { createHmac, hkdfSync } from 'node:crypto';
import { lookup } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { PlatformError } from '../../shared/errors.ts';
import type { AlertRuleId } from '../../shared/ids.ts';
import type { AlertMessage } from '../core/ports/alert-channel.ts';
import type { Clock } from '../core/ports/clock.ts';
import { isPublicAddress } from '../util/public-address.ts';

export interface WebhookSenderOptions {
  /** 32 random bytes of this platform; the keys of all rules are derived from it. */
  readonly masterKey: Buffer;
  /** Lets messages go to loopback and private networks too. */
  readonly allowsPrivate: boolean;
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly clock: Clock;
}

const maxAnswerBytes = 2_048;
const shownAnswerChars = 200;

/**
 * Posts messages as Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md) has it: `webhook-id` is the same
 * for every try of a message, `webhook-signature` is `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64.
 */
export class WebhookSender {
  readonly #options: WebhookSenderOptions;

  constructor(options: WebhookSenderOptions) {
    this.#options = options;
  }

  /** What a receiver of this rule's messages checks them with. Derived, so that no key lies in the database. */
  signingSecret(ruleId: AlertRuleId): string {
    return `whsec_${this.#keyOf(ruleId).toString('base64')}`;
  }

  /** Rejects with `unavailable`/`webhook_failed`, or with `unprocessable`/`webhook_refused` when trying again is of no use. */
  async send(url: string, message: AlertMessage, signal: AbortSignal): Promise<void> {
    const timestamp = String(Math.floor(this.#options.clock.now() / 1000));
    const signature = createHmac('sha256', this.#keyOf(message.ruleId))
      .update(`${message.id}.${timestamp}.${message.body}`)
      .digest('base64');
    const { status, answer } = await this.#post(new URL(url), message.body, signal, {
      'content-type': 'application/json',
      'user-agent': this.#options.userAgent,
      'webhook-id': message.id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    });
    if (status >= 200 && status < 300) return;
    const said = answer === '' ? '' : `: ${answer.slice(0, shownAnswerChars)}`;
    const text = `the webhook answered ${status}${said}`;
    // A redirect could lead anywhere, also to where we must not go; 410 is how a receiver says that it wants no more.
    if (status === 410 || (status >= 300 && status < 400)) {
      const why = status === 410 ? '' : '; it must answer 2xx itself, redirects are not followed';
      throw new PlatformError('unprocessable', 'webhook_refused', text + why);
    }
    throw new PlatformError('unavailable', 'webhook_failed', text);
  }

  #keyOf(ruleId: AlertRuleId): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#options.masterKey, 'hearth alerts', ruleId, 32));
  }

  #post(
    url: URL,
    body: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly answer: string }> {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !this.#mayReach(host)) return Promise.reject(privateAddress(host));
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(
        url,
        {
          method: 'POST',
          headers: { ...headers, 'content-length': Buffer.byteLength(body) },
          lookup: this.#lookup,
          // No connection is kept: the next message may be days away.
          agent: false,
          signal: AbortSignal.any([signal, AbortSignal.timeout(this.#options.timeoutMs)]),
        },
        (response) => {
          let answer = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            answer = (answer + chunk).slice(0, maxAnswerBytes);
          });
          response.once('error', reject);
          response.once('end', () => resolve({ status: response.statusCode ?? 0, answer: answer.trim() }));
        },
      );
      request.once('error', (error) => {
        reject(error instanceof PlatformError ? error : unreachable(url, error));
      });
      request.end(body);
    });
  }

  #mayReach(address: string): boolean {
    return this.#options.allowsPrivate || isPublicAddress(address);
  }

  /** The address that was checked is the one that is dialled: a name cannot change its mind in between. */
  readonly #lookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, '', 0);
        return;
      }
      const good = found.filter(({ address }) => this.#mayReach(address));
      const [first] = good;
      if (first === undefined) callback(privateAddress(hostname), '', 0);
      else if (options.all === true) callback(null, good);
      else callback(null, first.address, first.family);
    });
  };
}

function privateAddress(host: string): PlatformError {
  return new PlatformError(
    'unprocessable',
    'webhook_refused',
    `${host} is not in the public internet; set HEARTH_WEBHOOK_PRIVATE=true if webhooks may reach private networks`,
  );
}

function unreachable(url: URL, error: Error): PlatformError {
  const reason =
    error.name === 'TimeoutError' ? 'no answer in time' : ((error as NodeJS.ErrnoException).code ?? error.message);
  return new PlatformError('unavailable', 'webhook_failed', `${url.origin} cannot be reached (${reason})`, {
    cause: error,
  });
}
