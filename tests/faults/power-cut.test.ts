import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sayProgress } from '../support/long-run.ts';
import { PowerCutMachine } from '../support/power-cut-machine.ts';
import { whyNoQemu } from '../support/qemu-programs.ts';
import { skippedFor } from '../support/skip-reason.ts';

/** More for a long run: HEARTH_TEST_POWER_CUTS=100. */
const usualCuts = 3;
const cuts = Number(process.env['HEARTH_TEST_POWER_CUTS'] ?? usualCuts);
const reason = whyNoQemu('mkfs.ext4');
/** The cut comes after up to so many acknowledgements. */
const mostWrites = 60;
/** And so long after that. */
const mostMs = 200;
/** Until a machine has booted and said something, on a busy host. */
const bootMs = 240_000;

describe.skipIf(reason !== undefined)(`the power of the machine is cut${skippedFor(reason)}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-power-'));
  let machine: PowerCutMachine;
  beforeAll(async () => {
    machine = await PowerCutMachine.make(directory);
  });
  afterAll(async () => {
    await machine?.kill();
    rmSync(directory, { recursive: true, force: true });
  });

  it(
    `${cuts} times in a row: the database is whole, and nothing acknowledged is lost`,
    async (context) => {
      const acknowledged = new Set<string>();
      const writes = { kept: 0, lost: 0 };
      // The last round only looks at what the last cut left.
      for (let round = 0; round <= cuts; round++) {
        const enough = round === cuts ? 0 : 1 + Math.floor(Math.random() * mostWrites);
        let run = await runUntil(machine, enough);
        if (run.isSilent) {
          // It hung before it touched the disk, which an emulated boot on a busy host does now and then.
          await machine.cutPower();
          run = await runUntil(machine, enough);
        }
        // In the midst of what comes next.
        await sleep(Math.random() * mostMs);
        const about = `round ${round}\n${machine.complaints()}`;
        const cut = await machine.cutPower();
        writes.kept += cut.kept;
        writes.lost += cut.lost;
        expect(run.verdict, about).toBe(round === 0 ? '' : 'ok');
        expect(
          [...acknowledged].filter((id) => !run.found.has(id)),
          about,
        ).toEqual([]);
        expect(run.queued, about).toBe(run.found.size);
        if (round > 0) sayProgress(cuts > usualCuts, `${round} cuts, ${acknowledged.size} acknowledged, none lost`);
        for (const id of run.acknowledged) acknowledged.add(id);
      }
      expect(acknowledged.size).toBeGreaterThanOrEqual(cuts);
      const ofWrites = `of the disk's ${writes.kept + writes.lost} writes ${writes.lost} were lost`;
      await context.annotate(`${acknowledged.size} acknowledged and none lost; ${ofWrites}`);
    },
    (cuts + 2) * bootMs,
  );
});

interface Run {
  /** It said nothing at all. */
  readonly isSilent: boolean;
  /** Of SQLite, about what was there; empty where nothing was. */
  readonly verdict: string;
  readonly found: ReadonlySet<string>;
  /** How many the store itself counts, before it took more. */
  readonly queued: number;
  readonly acknowledged: readonly string[];
}

/** Switches the machine on, and listens until it has looked at its database and acknowledged so many writes. */
async function runUntil(machine: PowerCutMachine, enough: number): Promise<Run> {
  const said: Record<string, string[]> = { integrity: [], found: [], queued: [], acknowledged: [] };
  const patience = setTimeout(() => void machine.kill(), bootMs);
  for await (const line of machine.start()) {
    const [word = '', rest = ''] = line.split(' ');
    said[word]?.push(rest);
    if (said['queued']?.length === 1 && (said['acknowledged']?.length ?? 0) >= enough) break;
  }
  clearTimeout(patience);
  return {
    isSilent: Object.values(said).every((lines) => lines.length === 0),
    verdict: said['integrity']?.join('\n') ?? '',
    found: new Set(said['found']),
    queued: Number(said['queued']?.[0] ?? -1),
    acknowledged: said['acknowledged'] ?? [],
  };
}
