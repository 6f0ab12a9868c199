import type { AlertChannel } from '../../shared/api/alerts.ts';
import { PlatformError } from '../../shared/errors.ts';
import type { AlertMessage, AlertSender } from '../core/ports/alert-channel.ts';
import type { EmailSender } from './email-sender.ts';
import type { WebhookSender } from './webhook-sender.ts';

const noMailServer = 'this platform has no mail server; set HEARTH_SMTP_URL and HEARTH_SMTP_FROM, or use a webhook';

/** Every kind of channel behind one port. */
export class ChannelSender implements AlertSender {
  readonly #webhooks: Pick<WebhookSender, 'send'>;
  readonly #emails: Pick<EmailSender, 'send'> | undefined;

  constructor(options: {
    readonly webhooks: Pick<WebhookSender, 'send'>;
    readonly emails: Pick<EmailSender, 'send'> | undefined;
  }) {
    this.#webhooks = options.webhooks;
    this.#emails = options.emails;
  }

  objection(channel: AlertChannel): string | undefined {
    return channel.kind === 'email' && this.#emails === undefined ? noMailServer : undefined;
  }

  async send(channel: AlertChannel, message: AlertMessage, signal: AbortSignal): Promise<void> {
    if (channel.kind === 'webhook') return await this.#webhooks.send(channel.url, message, signal);
    if (this.#emails === undefined) throw new PlatformError('unprocessable', 'email_refused', noMailServer);
    await this.#emails.send(channel.to, message);
  }
}
