import { describe, expect, it } from 'vitest';
import type { StoredBuild } from '../../backend/core/ports/build-store.ts';
import type { Store } from '../../backend/core/ports/store.ts';
import { newId } from '../../shared/ids.ts';
import { functionRecord } from './store-records.ts';

const begun = (at: number, over: Partial<StoredBuild> = {}): StoredBuild => ({
  ...{ id: newId('build', at), functionName: 'acme/resize', state: 'queued', steps: [], createdAt: at },
  ...{ finishedAt: undefined, createdBy: 'ada', source: 'cli', message: 'why', version: undefined, error: undefined },
  ...over,
});
const failed = (build: StoredBuild, at: number): StoredBuild => ({
  ...build,
  state: 'failed',
  steps: [{ name: 'install', startedAt: at - 2, finishedAt: at }],
  finishedAt: at,
  error: { kind: 'unprocessable', code: 'build_failed', message: 'no such package', errors: [], buildErrors: [] },
});
const lines = [
  { step: undefined, at: 1, text: 'waiting' },
  { step: 'install', at: 2, text: "npm error 404 'left-pad' …" },
] as const;
const page = { limit: 2, cursor: undefined };
const acme = { project: 'acme' } as const;

/** The part of the store suite about builds. */
export function describeBuilds(current: () => Store): void {
  describe('builds', () => {
    it('are stored as they begin and as they end, with their log, in their project alone', async () => {
      const { builds } = current();
      const build = begun(10);
      await builds.create(build);
      expect(await builds.unfinished()).toEqual([build]);
      expect(await builds.log(build.id)).toEqual([]);
      const over = failed(build, 20);
      expect(await builds.finish(over, lines)).toBe(true);
      expect(await builds.find('acme', build.id)).toEqual(over);
      expect(await builds.find('default', build.id)).toBeUndefined();
      expect(await builds.log(build.id)).toEqual(lines);
      expect(await builds.unfinished()).toEqual([]);
      expect(await builds.finish(begun(11), [])).toBe(false);
    });

    it('are listed newest first, by page, of a project or of a name', async () => {
      const { builds } = current();
      const all = [begun(1), begun(2, { functionName: 'acme/other' }), begun(3), begun(4, { functionName: 'resize' })];
      for (const build of all) await builds.create(build);
      const [first, other, third] = all;
      const top = await builds.list(acme, page);
      expect(top.items).toEqual([third, other]);
      const rest = await builds.list(acme, { ...page, cursor: top.nextCursor ?? undefined });
      expect(rest).toEqual({ items: [first], nextCursor: null });
      const named = await builds.list({ ...acme, functionName: 'acme/resize' }, page);
      expect(named).toEqual({ items: [third, first], nextCursor: null });
      await expect(builds.list(acme, { limit: 1, cursor: 'x' })).rejects.toMatchObject({ code: 'bad_cursor' });
    });

    it('are listed of names that no function has, of each the newest', async () => {
      const { builds, functions } = current();
      await functions.create(functionRecord('acme/resize'));
      const all = [
        ...[begun(1), begun(2, { functionName: 'acme/other' }), begun(3, { functionName: 'acme/third' })],
        ...[begun(4, { functionName: 'acme/other' }), begun(5, { functionName: 'resize' })],
      ];
      for (const build of all) await builds.create(build);
      const filter = { ...acme, isWithoutFunction: true };
      const top = await builds.list(filter, { limit: 1, cursor: undefined });
      expect(top.items).toEqual([all[3]]);
      const rest = await builds.list(filter, { ...page, cursor: top.nextCursor ?? undefined });
      expect(rest).toEqual({ items: [all[2]], nextCursor: null });
    });

    it('are kept in a number, for a time, and with their function and project', async () => {
      const { builds } = current();
      const open = begun(1);
      const ended = [begun(2), begun(3), begun(4)];
      const others = [begun(5, { functionName: 'acme/other' }), begun(6, { functionName: 'resize' })];
      for (const build of [open, ...ended, ...others]) await builds.create(build);
      for (const build of [...ended, ...others]) await builds.finish(failed(build, build.createdAt + 100), []);
      const left = async () => {
        const { items } = await builds.list(acme, { ...page, limit: 9 });
        return items.map(({ createdAt }) => createdAt);
      };
      // One that goes on stays, however old it is.
      await builds.keepNewest('acme/resize', 2);
      expect(await left()).toEqual([5, 4, 3, 1]);
      expect(await builds.prune(104)).toBe(1);
      expect(await left()).toEqual([5, 4, 1]);
      await builds.removeOf({ ...acme, functionName: 'acme/resize' });
      expect(await left()).toEqual([5]);
      await builds.removeOf(acme);
      expect(await left()).toEqual([]);
      expect((await builds.list({ project: 'default' }, page)).items).toHaveLength(1);
    });
  });
}
