import { expect, it } from 'vitest';
import type { Store } from '../../backend/core/ports/store.ts';
import { secretRecord } from './store-records.ts';

/** What holds for the secrets of every Store. */
export function describeSecrets(store: () => Store): void {
  it('keeps the newest value of each name and project', async () => {
    await store().secrets.put(secretRecord('B'));
    await store().secrets.put(secretRecord('A'));
    await store().secrets.put(secretRecord('A', { project: 'shop' }));
    const changed = secretRecord('A', { version: 2, sealed: Buffer.from([9]), updatedAt: 8, updatedBy: 'other' });
    await store().secrets.put({ ...changed, createdAt: 8 });
    expect(await store().secrets.all()).toEqual([changed, secretRecord('B'), secretRecord('A', { project: 'shop' })]);
    expect(await store().secrets.remove('default', 'A')).toBe(true);
    expect(await store().secrets.remove('default', 'A')).toBe(false);
    expect((await store().secrets.all()).map(({ project, name }) => `${project}/${name}`)).toEqual([
      'default/B',
      'shop/A',
    ]);
  });

  it('wraps a value anew only as long as it is that value', async () => {
    await store().secrets.put(secretRecord('A'));
    const wrapped = secretRecord('A', { wrappedKey: Buffer.from([8]), keyId: 'k2' });
    expect(await store().secrets.rewrap(wrapped)).toBe(true);
    expect(await store().secrets.all()).toEqual([wrapped]);
    expect(await store().secrets.rewrap({ ...wrapped, sealed: Buffer.from([3]), keyId: 'k3' })).toBe(false);
    expect(await store().secrets.rewrap(secretRecord('gone'))).toBe(false);
    expect(await store().secrets.all()).toEqual([wrapped]);
  });
}
