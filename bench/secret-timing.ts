import { createHmac, randomBytes } from 'node:crypto';
import { hashSecret, newSecret, Tokens } from '../backend/control-plane/tokens.ts';
import type { Store, TokenRecord } from '../backend/core/ports/store.ts';
import { SystemClock } from '../backend/core/system-clock.ts';
import { verifySignature } from '../backend/gateway/auth/signature.ts';
import { hashPassword, verifyPassword } from '../backend/util/password-hash.ts';
import { newId } from '../shared/ids.ts';
import { median, type Row, row } from './support/numbers.ts';
import { progress } from './support/progress.ts';
import { welchT } from './support/welch.ts';

const samples = 100_000;
const rehearsals = 20_000;
const passwordRounds = 25;
const maxT = 4.5;
const logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Whether the time of a refusal tells how near a guess was: of tokens, of signatures, of names of users. In one process, without a network. */
export async function secretTiming(): Promise<readonly Row[]> {
  return [
    leakRow('wrong token, all but the last four characters right / all wrong', await tokenGuesses()),
    leakRow('wrong signature, all but the last byte right / the first wrong', signatureGuesses()),
    await userRow(),
  ];
}

function leakRow(what: string, t: number): Row {
  const value = `|t| ${Math.abs(t).toFixed(2)} over ${samples.toLocaleString('en')} each`;
  return row(what, value, `|t| < ${maxT}`, Math.abs(t) < maxT);
}

type Kind = 'near' | 'far';

/** Times one guess at a time, of a kind drawn by lot: drift of the machine, and what a guess leaves in caches, fall on both alike. */
function compare(guess: (kind: Kind) => () => unknown): number {
  const took: Record<Kind, number[]> = { near: [], far: [] };
  for (let i = -rehearsals; i < 2 * samples; i++) {
    if (i % 20_000 === 0) progress(`${i} of ${2 * samples} guesses`);
    const kind = Math.random() < 0.5 ? 'near' : 'far';
    const check = guess(kind);
    const startedAt = process.hrtime.bigint();
    check();
    const tookNs = Number(process.hrtime.bigint() - startedAt);
    if (i >= 0) took[kind].push(tookNs);
  }
  return welchT(took.near, took.far);
}

async function tokenGuesses(): Promise<number> {
  const secret = newSecret();
  const record: TokenRecord = {
    id: newId('token'),
    name: 'measured',
    scope: 'admin',
    project: undefined,
    hash: hashSecret(secret),
    createdAt: 0,
    expiresAt: undefined,
    lastUsedAt: undefined,
  };
  // Refusals touch nothing of the store but what was loaded.
  const store = { tokens: { all: async () => [record] } } as unknown as Store;
  const tokens = new Tokens({ store, logger, clock: new SystemClock() });
  await tokens.load();
  return compare((kind) => {
    const start = kind === 'near' ? [secret, newSecret()] : [newSecret(), secret];
    // Both made in the same way: a string that is still in pieces takes longer to hash.
    const guess = Buffer.from(`${start[0]?.slice(0, -4)}${randomBytes(3).toString('base64url')}`).toString();
    return () => tokens.authenticate(guess);
  });
}

function signatureGuesses(): number {
  const key = randomBytes(32);
  const body = Buffer.from('{"order":4711}');
  const right = createHmac('sha256', key).update('msg_1.1000.').update(body).digest();
  return compare((kind) => {
    const tag = Buffer.from(right);
    const at = kind === 'near' ? right.length - 1 : 0;
    tag[at] = (tag[at] ?? 0) ^ (1 + Math.floor(Math.random() * 255));
    const webhookSignature = `v1,${tag.toString('base64')}`;
    const proof = { authorization: undefined, webhookId: 'msg_1', webhookTimestamp: '1000', webhookSignature, body };
    return () => verifySignature({ type: 'signature', key: 'KEY' }, key, proof, 1_000_000);
  });
}

/** The check of a password dominates a sign-in; it must cost the same for a user who is not there. */
async function userRow(): Promise<Row> {
  const hash = await hashPassword('the right one');
  const took = { known: [] as number[], unknown: [] as number[] };
  for (let i = 0; i < passwordRounds; i++) {
    for (const [kind, stored] of [
      ['known', hash],
      ['unknown', undefined],
    ] as const) {
      const before = process.cpuUsage();
      await verifyPassword(stored, 'a wrong one');
      const { user, system } = process.cpuUsage(before);
      took[kind].push((user + system) / 1000);
    }
  }
  const ratio = median(took.unknown) / median(took.known);
  const what = 'password of a user who is not there / a wrong password';
  return row(
    what,
    `${ratio.toFixed(3)} of ${median(took.known).toFixed(1)} ms of CPU`,
    '0.95 to 1.05',
    Math.abs(ratio - 1) <= 0.05,
  );
}
