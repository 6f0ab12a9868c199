import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtGuestsSchema, systemSchema } from '../../shared/api/system.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { hearth } from '../support/run-cli.ts';
import { skippedFor } from '../support/skip-reason.ts';

function whyNot(): string | undefined {
  if (process.arch !== 'x64') return 'guests are for x86-64';
  for (const program of ['qemu-system-x86_64', 'mkfs.erofs']) {
    if (spawnSync(program, ['--version']).error !== undefined) return `${program} is not installed`;
  }
  return existsSync('/bin/busybox') ? undefined : 'busybox-static is not installed';
}

describe.skipIf(whyNot() !== undefined)(`hearth guest build${skippedFor(whyNot())}`, () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform({ environment: { HEARTH_QEMU: 'true' } });
  }, 60_000);
  afterAll(async () => await platform.dispose());

  it('makes kernel, initial RAM disk and root image, tells its progress, and nothing the second time', async () => {
    const first = await hearth(platform, '--json', 'guest', 'build', 'nodejs');
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('making the root image of nodejs') });
    const [guest] = builtGuestsSchema.parse({ guests: JSON.parse(first.stdout) }).guests;
    expect(guest?.parts.map(({ part }) => part)).toEqual(['kernel', 'initrd', 'root']);
    expect(guest?.parts.at(-1)?.isNew).toBe(true);
    const again = await hearth(platform, 'guest', 'build', 'nodejs');
    expect(again.code).toBe(0);
    expect(again.stdout.split('\n').filter((line) => line.endsWith('was there'))).toHaveLength(3);
    expect(again.stdout).toContain(guest?.parts[0]?.digest.slice('sha256:'.length).slice(0, 12));
  }, 60_000);

  it('tells whether guests run under KVM, and why not', async () => {
    const { drivers } = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
    const notes = drivers.find(({ name }) => name === 'qemu')?.notes.join('\n');
    expect(notes).toMatch(/under KVM: a guest under KVM came up in \d+ ms|KVM is not used: .*\/dev\/kvm/);
  });

  it('says why it takes no kernel and no runtime', async () => {
    expect(await hearth(platform, 'guest', 'build', 'nodejs', '--kernel', '/no/kernel')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no /no/kernel'),
    });
    expect(await hearth(platform, 'guest', 'build', 'image')).toMatchObject({
      stderr: expect.stringContaining('no guest can run image'),
    });
  });
});
