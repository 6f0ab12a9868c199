import { expect, it } from 'vitest';
import { poolRig, versionOf } from '../fakes/pool-rig.ts';

const { signal: never } = new AbortController();

it('packets of an instance that were dropped are in the record each time, and in its log once per target, ten at most', async () => {
  const r = poolRig();
  const version = versionOf({ egress: 'all' });
  const lease = await r.pool.acquire(version, never);
  const [sandbox] = r.driver.created;
  sandbox?.refuse('10.0.0.1:5432');
  sandbox?.refuse('10.0.0.1:5432');
  const refused = r.events.flatMap((event) => (event.kind === 'egress-refused' ? [event] : []));
  expect(refused).toHaveLength(2);
  expect(refused[0]).toMatchObject({ version, host: '10.0.0.1:5432', reason: 'not-public' });
  const notes = () => r.lines.filter(({ stream }) => stream === 'platform');
  expect(notes()).toEqual([
    expect.objectContaining({
      level: 'warn',
      functionId: version.functionId,
      instanceId: lease.instance.id,
      text: 'egress to 10.0.0.1:5432 was refused: it is not in the public internet',
    }),
  ]);
  for (let port = 1; port <= 20; port++) sandbox?.refuse(`10.0.0.2:${port}`);
  expect(notes()).toHaveLength(10);
  expect(notes().at(-1)?.text).toContain('more of this instance are not written');
  lease.release('healthy');
  await r.pool.drain(r.clock.now());
});
