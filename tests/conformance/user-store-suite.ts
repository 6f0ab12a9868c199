import { describe, expect, it } from 'vitest';
import type { Store } from '../../backend/core/ports/store.ts';
import type { SessionRecord, UserRecord } from '../../backend/core/ports/user-store.ts';
import { newId } from '../../shared/ids.ts';

const user = (name: string, over: Partial<UserRecord> = {}): UserRecord => ({
  id: newId('user'),
  name,
  passwordHash: '$argon2id$x',
  isDisabled: false,
  createdAt: 1,
  updatedAt: 2,
  identities: [],
  roles: [],
  ...over,
});

/** What holds for users, sessions and failed sign-ins, whatever the store stands on. */
export function describeUserStore(of: () => Store): void {
  describe('users', () => {
    it('keeps them with roles and identities, by name', async () => {
      const { users } = of();
      const ada = user('ada', {
        identities: [{ issuer: 'https://id.example', subject: '7' }],
        roles: [
          { project: '*', role: 'viewer' },
          { project: 'default', role: 'owner' },
        ],
      });
      const bob = user('bob', { passwordHash: undefined, isDisabled: true });
      await users.create(bob);
      await users.create(ada);
      expect(await users.all()).toEqual([ada, bob]);
      await expect(users.create(user('ada'))).rejects.toMatchObject({ kind: 'conflict', code: 'user_taken' });
      const twin = user('twin', { identities: ada.identities, roles: ada.roles });
      await expect(users.create(twin)).rejects.toMatchObject({ kind: 'conflict', code: 'identity_taken' });
      expect(await users.all()).toEqual([ada, bob]);
    });

    it('replaces what can change, all or nothing', async () => {
      const { users } = of();
      const identities = [{ issuer: 'https://id.example', subject: '7' }];
      const ada = user('ada', { identities, roles: [{ project: 'a', role: 'viewer' }] });
      const bob = user('bob');
      await users.create(ada);
      await users.create(bob);
      const changed: UserRecord = {
        ...ada,
        passwordHash: undefined,
        isDisabled: true,
        updatedAt: 9,
        identities: [],
        roles: [{ project: 'b', role: 'operator' }],
      };
      await expect(users.put({ ...bob, isDisabled: true, identities })).rejects.toMatchObject({
        code: 'identity_taken',
      });
      expect(await users.all()).toEqual([ada, bob]);
      await users.put(changed);
      expect(await users.all()).toEqual([changed, bob]);
      expect(await users.remove(bob.id)).toBe(true);
      expect(await users.remove(bob.id)).toBe(false);
      expect(await users.all()).toEqual([changed]);
    });

    it('takes roles away with their project', async () => {
      const { users, projects } = of();
      await projects.create({ id: newId('project'), name: 'acme', description: '', createdAt: 1 });
      await users.create(user('ada', { roles: [{ project: 'acme', role: 'owner' }] }));
      await projects.remove('acme', 5);
      expect((await users.all())[0]?.roles).toEqual([]);
    });
  });

  describe('sessions', () => {
    it('keeps them until they end, with their user', async () => {
      const { users, sessions } = of();
      const [ada, bob] = [user('ada'), user('bob')];
      await users.create(ada);
      await users.create(bob);
      const session = (userId: UserRecord['id'], hash: string, expiresAt: number): SessionRecord => ({
        id: newId('session'),
        userId,
        hash: hash.repeat(64),
        createdAt: 1,
        expiresAt,
        address: '::1',
      });
      const [first, second, third] = [session(ada.id, 'a', 10), session(ada.id, 'b', 20), session(bob.id, 'c', 30)];
      for (const one of [first, second, third]) await sessions.create(one);
      const ids = async () => (await sessions.all()).map(({ id }) => id).sort();
      expect(await sessions.all()).toContainEqual(first);
      await expect(sessions.create({ ...first, id: newId('session') })).rejects.toMatchObject({ kind: 'conflict' });
      await sessions.removeOf(ada.id, second.id);
      expect(await ids()).toEqual([second.id, third.id].sort());
      expect(await sessions.prune(20)).toBe(0);
      expect(await sessions.prune(21)).toBe(1);
      expect(await sessions.remove(second.id)).toBe(false);
      await users.remove(bob.id);
      expect(await sessions.all()).toEqual([]);
    });
  });

  describe('failed sign-ins', () => {
    it('counts per key in windows, also when they come at once', async () => {
      const { signInFailures: failures } = of();
      const counts = await Promise.all(Array.from({ length: 20 }, () => failures.note('a', 1000, 100)));
      expect(counts.map((count) => count.failures).sort((x, y) => x - y)).toEqual(
        Array.from({ length: 20 }, (_, i) => i + 1),
      );
      expect(await failures.note('a', 1099, 100)).toEqual({ failures: 21, startedAt: 1000 });
      expect(await failures.note('b', 1099, 100)).toEqual({ failures: 1, startedAt: 1099 });
      expect(await failures.note('a', 1100, 100)).toEqual({ failures: 1, startedAt: 1100 });
      await failures.note('a', 1100, 100);
      await failures.forgive('a');
      expect(await failures.note('a', 1101, 100)).toEqual({ failures: 2, startedAt: 1100 });
      await failures.clear('a');
      expect(await failures.note('a', 1102, 100)).toEqual({ failures: 1, startedAt: 1102 });
      expect(await failures.prune(1100)).toBe(1);
    });

    it('keeps windows that were counted in memory, apart from others', async () => {
      const { signInFailures: failures } = of();
      await failures.note('account', 1000, 100);
      const windows = Array.from({ length: 5 }, (_, i) => ({ key: `token ${i}`, failures: i, startedAt: 1000 + i }));
      await failures.put([]);
      await failures.put(windows);
      await failures.put([{ key: 'token 0', failures: 9, startedAt: 1009 }]);
      const found = await failures.list('token ', 1002, 3);
      expect(found).toEqual([{ key: 'token 0', failures: 9, startedAt: 1009 }, windows[4], windows[3]]);
      expect(await failures.prune(1003, 'token ')).toBe(2);
      expect((await failures.list('token ', 0, 10)).map(({ key }) => key)).toEqual(['token 0', 'token 4', 'token 3']);
      expect(await failures.note('account', 1001, 100)).toEqual({ failures: 2, startedAt: 1000 });
    });
  });
}
