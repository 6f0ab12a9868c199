import { describe, expect, it } from 'vitest';
import type { AliasMoveRecord } from '../../backend/core/ports/alias-store.ts';
import type { Store } from '../../backend/core/ports/store.ts';
import type { FunctionId } from '../../shared/ids.ts';
import { functionRecord } from './store-records.ts';

const whole = (version: number) => [{ version, weight: 1 }];
const move = (functionId: FunctionId, at: number, over: Partial<AliasMoveRecord> = {}): AliasMoveRecord => ({
  ...{ functionId, alias: 'live', kind: 'promote', before: whole(at), after: whole(at + 1) },
  ...{ by: 'ada', reason: `move ${at}`, at },
  ...over,
});

/** The part of the store suite about moves of aliases. */
export function describeAliasMoves(current: () => Store): void {
  describe('moves of aliases', () => {
    it('are listed by function and alias, the newest first, page by page, and go with the function', async () => {
      const { aliases, functions } = current();
      const [moved, other] = [functionRecord('moved'), functionRecord('moved-too')];
      for (const record of [moved, other]) await functions.create(record);
      const beta = { alias: 'beta', kind: 'create', before: [], reason: '' } as const;
      const made = [move(moved.id, 1), move(moved.id, 2, beta), move(moved.id, 3), move(other.id, 4)];
      for (const record of made) await aliases.noteMove(record);
      const list = async (alias: string | undefined, limit: number, cursor?: string, id = moved.id) =>
        await aliases.moves(id, alias, { limit, cursor });
      const first = await list(undefined, 2);
      expect(first.items).toMatchObject([move(moved.id, 3), move(moved.id, 2, beta)]);
      const rest = await list(undefined, 2, first.nextCursor ?? undefined);
      expect(rest).toMatchObject({ items: [move(moved.id, 1)], nextCursor: null });
      expect((await list('live', 9)).items).toMatchObject([move(moved.id, 3), move(moved.id, 1)]);
      expect(new Set([...first.items, ...rest.items].map(({ seq }) => seq)).size).toBe(3);
      await expect(list(undefined, 2, 'nonsense')).rejects.toMatchObject({ code: 'bad_cursor' });
      await functions.remove(moved.id, undefined);
      expect((await list(undefined, 9)).items).toEqual([]);
      expect((await list(undefined, 9, undefined, other.id)).items).toHaveLength(1);
    });

    it('go with the transaction that moves the alias', async () => {
      const store = current();
      const record = functionRecord('not-moved');
      await store.functions.create(record);
      const failing = store.transaction(async (tx) => {
        await tx.aliases.noteMove(move(record.id, 1));
        throw new Error('moved by somebody else');
      });
      await expect(failing).rejects.toThrow('somebody else');
      expect((await store.aliases.moves(record.id, undefined, { limit: 9, cursor: undefined })).items).toEqual([]);
    });
  });
}
