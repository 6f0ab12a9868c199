import { expect, it } from 'vitest';
import type { GuestExit } from '../support/guest/guest-ending.ts';
import { goThroughStart } from './start-ahead.ts';

/** Notes what is asked of the guest. */
function guest(): { readonly asked: string[]; readonly control: Record<'settle' | 'freeze', () => Promise<void>> } {
  const asked: string[] = [];
  const note = (what: string) => async () => void asked.push(what);
  return { asked, control: { settle: note('settle'), freeze: note('freeze') } };
}

const { signal: never } = new AbortController();
const forEver = new Promise<GuestExit>(() => undefined);

it('lets the guest go on with a time of its own, and freezes it', async () => {
  const { asked, control } = guest();
  await goThroughStart({ control, agentExit: forEver }, never, 1);
  expect(asked).toEqual(['settle', 'freeze']);
});

it('is over when nobody needs the guest any more', async () => {
  const { asked, control } = guest();
  const going = goThroughStart({ control, agentExit: forEver }, AbortSignal.abort());
  await expect(going).rejects.toThrow(/aborted/);
  expect(asked).toEqual(['settle']);
});

it('gives up a guest whose agent has ended, and one that could not be frozen', async () => {
  const { control } = guest();
  const ended = Promise.resolve({ status: 1, oomKills: 0 });
  await expect(goThroughStart({ control, agentExit: ended }, never, 1)).rejects.toThrow('the agent of a guest');
  const runs = { ...control, freeze: () => Promise.reject(new Error('still runs')) };
  await expect(goThroughStart({ control: runs, agentExit: forEver }, never, 1)).rejects.toThrow('still runs');
});
