import { PlatformError } from '../../shared/errors.ts';
import type { AlertMessage } from '../core/ports/alert-channel.ts';

export interface EmailSenderOptions {
  /** `smtp://user:password@host:587` or `smtps://…`. */
  readonly url: string;
  readonly from: string;
  readonly timeoutMs: number;
}

/** Statuses of SMTP from 500 on are final (RFC 5321, 4.2.1). */
const finalFrom = 500;

/** Sends messages by SMTP. */
export class EmailSender {
  readonly #options: EmailSenderOptions;

  constructor(options: EmailSenderOptions) {
    this.#options = options;
  }

  /** Rejects with `unavailable`/`email_failed`, or with `unprocessable`/`email_refused` when the server will never take it. */
  async send(to: string, message: AlertMessage): Promise<void> {
    const { url, from, timeoutMs } = this.#options;
    const limits = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs };
    // Loaded with the first message: most platforms send none.
    const { createTransport } = await import('nodemailer');
    const transport = createTransport({ url, ...limits });
    try {
      await transport.sendMail({
        from,
        to,
        subject: message.subject,
        text: message.text,
        // The same for every try, so that mail programs can tell a repetition.
        messageId: `<${message.id}@hearth>`,
        disableFileAccess: true,
        disableUrlAccess: true,
      });
    } catch (error) {
      const { responseCode = 0, message: text } = error as { responseCode?: number; message: string };
      const isFinal = responseCode >= finalFrom;
      throw new PlatformError(
        isFinal ? 'unprocessable' : 'unavailable',
        isFinal ? 'email_refused' : 'email_failed',
        `the mail server did not take the message: ${text}`,
        { cause: error },
      );
    } finally {
      transport.close();
    }
  }
}
