import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtGuestsSchema, systemSchema } from '../../shared/api/system.ts';
import { type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { whyNoQemu } from '../support/qemu-programs.ts';
import { hearth } from '../support/run-cli.ts';
import { skippedFor } from '../support/skip-reason.ts';

const reason = whyNoQemu();
describe.skipIf(reason !== undefined)(`hearth guest build${skippedFor(reason)}`, () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform({ environment: { HEARTH_QEMU: 'true' } });
  });
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
  });

  it('tells whether guests run under KVM, and why not', async () => {
    await untilHealthy(platform, 'qemu');
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
