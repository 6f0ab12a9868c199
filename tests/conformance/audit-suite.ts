import { beforeEach, expect, it } from 'vitest';
import type { AuditFilter, AuditRecord } from '../../backend/core/ports/audit-store.ts';
import type { PageRequest, Store } from '../../backend/core/ports/store.ts';
import { newId } from '../../shared/ids.ts';

const ada = newId('user');
const ci = newId('token');
/** The clock was set back before the third. */
const entries: readonly AuditRecord[] = (
  [
    { at: 10, project: 'acme', actorId: ada, actor: 'ada', action: 'function.create', target: 'resize' },
    { at: 20, project: 'acme', actorId: ci, actor: 'ci', action: 'function.update', target: 'resize' },
    { at: 15, project: undefined, actorId: '', actor: 'nobody', action: 'session.throttled', target: 'ada' },
    { at: 30, project: 'default', actorId: ada, actor: 'ada', action: 'secret.put', target: 'KEY' },
    { at: 40, project: 'acme', actorId: ada, actor: 'ada', action: 'function.update', target: 'other' },
    // Begins like another, and is none.
    { at: 50, project: 'acme', actorId: ci, actor: 'ci', action: 'functions.update', target: 'resize' },
  ] as const
).map((entry, index) => ({ ...entry, id: `aud_${index + 1}`, detail: null, address: '::1' }));

/** What holds for the filters of the audit trail of every Store. */
export function describeAuditFilters(store: () => Store): void {
  beforeEach(async () => {
    for (const entry of entries) await store().audit.append(entry);
  });

  it.each<readonly [string, AuditFilter, readonly number[]]>([
    ['nothing', {}, [1, 2, 3, 4, 5, 6]],
    ['a project', { project: 'acme' }, [1, 2, 5, 6]],
    ['a name', { actor: 'ada' }, [1, 4, 5]],
    ['the id of a user', { actor: ada }, [1, 4, 5]],
    ['the id of a token', { actor: ci }, [2, 6]],
    ['an action', { action: 'function.update' }, [2, 5]],
    ['a kind of thing', { resource: 'function' }, [1, 2, 5]],
    ['a thing', { target: 'resize' }, [1, 2, 6]],
    ['a thing of a kind', { resource: 'function', target: 'resize' }, [1, 2]],
    ['what was refused', { outcome: 'refused' }, [3]],
    ['what was done', { outcome: 'done' }, [1, 2, 4, 5, 6]],
    ['a time on', { from: 20 }, [2, 4, 5, 6]],
    ['before a time', { to: 20 }, [1, 3]],
    ['a time between two', { from: 15, to: 40 }, [2, 3, 4]],
    ['a time in which nothing was', { from: 41, to: 50 }, []],
    ['after everything', { from: 51 }, []],
    [
      'all of them',
      { ...{ project: 'acme', actor: 'ada', action: 'function.update' }, outcome: 'done', from: 20 },
      [5],
    ],
    ['what does not fit together', { action: 'secret.put', resource: 'function' }, []],
  ])('lists entries by %s, page by page, in both orders', async (_what, filter, expected) => {
    const all = async (read: (page: PageRequest) => ReturnType<Store['audit']['list']>) => {
      const found: number[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await read({ limit: 1, cursor });
        found.push(...page.items.map(({ id }) => Number(id.slice(4))));
        if (page.nextCursor === null) return found;
        cursor = page.nextCursor;
      }
    };
    expect(await all((page) => store().audit.oldest(page, filter))).toEqual(expected);
    expect(await all((page) => store().audit.list(page, filter))).toEqual([...expected].reverse());
  });
}
