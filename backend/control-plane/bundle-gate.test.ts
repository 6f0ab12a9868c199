import { expect, test } from 'vitest';
import type { BundleDigest } from '../../shared/ids.ts';
import { BundleGate } from './bundle-gate.ts';

test('nothing is pruned while a deploy runs, and deploys wait for a prune', async () => {
  const events: string[] = [];
  const pruned = Promise.withResolvers<void>();
  const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const gate = new BundleGate({
    bundles: {
      prune: async () => {
        events.push('prune begins');
        await pruned.promise;
        events.push('prune ends');
        return 1;
      },
    },
    digests: async () => new Set<BundleDigest>(),
    logger,
  });
  const built = Promise.withResolvers<void>();
  const first = gate.deploy(() => built.promise.then(() => events.push('deploy 1 commits')));
  gate.requestPrune();
  await Promise.resolve();
  expect(events).toEqual([]);
  built.resolve();
  await first;
  const second = gate.deploy(async () => events.push('deploy 2 commits'));
  await expect.poll(() => events.length).toBe(2);
  pruned.resolve();
  await second;
  await gate.settled();
  expect(events).toEqual(['deploy 1 commits', 'prune begins', 'prune ends', 'deploy 2 commits']);
});

test('a failed deploy asks for a prune, and a failed prune does not hurt anybody', async () => {
  let prunes = 0;
  const warnings: string[] = [];
  const gate = new BundleGate({
    bundles: {
      prune: async () => {
        prunes++;
        throw new Error('disk');
      },
    },
    digests: async () => new Set<BundleDigest>(),
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: (_fields, text) => warnings.push(text),
      error: () => undefined,
    },
  });
  await expect(gate.deploy(async () => Promise.reject(new Error('build')))).rejects.toThrow('build');
  await gate.settled();
  expect(prunes).toBe(1);
  expect(warnings).toHaveLength(1);
  expect(await gate.deploy(async () => 7)).toBe(7);
});
