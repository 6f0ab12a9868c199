import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../shared/errors.ts';
import { AlertDeliverer } from '../control-plane/alert-deliverer.ts';
import { AlertEvaluator } from '../control-plane/alert-evaluator.ts';
import { AlertValues } from '../control-plane/alert-values.ts';
import { Alerts } from '../control-plane/alerts.ts';
import { Costs } from '../control-plane/costs.ts';
import { ChannelSender } from '../notifications/channel-sender.ts';
import { EmailSender } from '../notifications/email-sender.ts';
import { WebhookSender } from '../notifications/webhook-sender.ts';
import { type Foundation, here } from './foundation.ts';
import type { Observation } from './observation.ts';

const timeoutMs = 15_000;
const intervalMs = 10_000;
const keyBytes = 32;

/** What signs webhooks; made on the first start. */
function readMasterKey(dataDirectory: string): Buffer {
  const path = join(dataDirectory, 'webhook-key');
  if (!existsSync(path)) {
    const key = randomBytes(keyBytes);
    writeFileSync(path, `${key.toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    return key;
  }
  const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64');
  if (key.length === keyBytes) return key;
  throw new PlatformError(
    'unavailable',
    'webhook_key',
    `${path} does not hold a key; restore it, or delete it to make a new one (receivers of webhooks then need the new signing secrets)`,
  );
}

/** What watches the numbers and tells people. */
export function createAlerting(
  { settings, logger, clock, dataDirectory, store, directory }: Foundation,
  { metrics }: Observation,
) {
  const webhooks = new WebhookSender({
    masterKey: readMasterKey(dataDirectory),
    allowsPrivate: settings.HEARTH_WEBHOOK_PRIVATE,
    timeoutMs,
    userAgent: `Hearth/${here.version}`,
    clock,
  });
  const emails =
    settings.HEARTH_SMTP_URL === ''
      ? undefined
      : new EmailSender({ url: settings.HEARTH_SMTP_URL, from: settings.HEARTH_SMTP_FROM, timeoutMs });
  const sender = new ChannelSender({ webhooks, emails });
  const deliverer = new AlertDeliverer({ store, sender, clock, logger, random: Math.random });
  const evaluator: AlertEvaluator = new AlertEvaluator({
    store,
    values: new AlertValues({
      store,
      metrics,
      directory,
      clock,
      costs: new Costs({ store, metrics, directory, clock }),
    }),
    clock,
    logger,
    intervalMs,
    onQueued: () => deliverer.wake(),
    onChanged: (rule) => alerts.noteChange(rule),
  });
  const alerts = new Alerts({
    store,
    clock,
    sender,
    hasFunction: (name) => directory.find(name) !== undefined,
    latest: (id) => evaluator.latest(id),
    signingSecret: (id) => webhooks.signingSecret(id),
    onQueued: () => deliverer.wake(),
  });
  return {
    alerts,
    start: () => {
      evaluator.start();
      deliverer.wake();
    },
    close: async () => {
      await evaluator.close();
      await deliverer.close();
    },
  };
}
