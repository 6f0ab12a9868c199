import { CleanUp } from '../clean-up.ts';
import type { Cgroup } from './cgroup.ts';
import { emptyCgroup } from './empty-cgroup.ts';
import type { Slot } from './slots.ts';

/** Ends what runs in control groups, if there are any, and frees them and the slot. Resolves with what could not be freed. */
export async function freePlace(cgroup: Cgroup | undefined, slot: Slot): Promise<readonly string[]> {
  const cleanUp = new CleanUp();
  const isEmpty = await cleanUp.attempt('processes', async () => {
    if (cgroup !== undefined) await emptyCgroup(cgroup);
  });
  await cleanUp.attempt('control group', async () => await cgroup?.remove());
  // While a process lives, nobody else may get its user id; the next start sweeps.
  if (isEmpty) await cleanUp.attempt('slot directory', async () => await slot.free());
  return cleanUp.failures;
}
