import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type KvmTrialOptions, tryKvm } from './kvm-trial.ts';

let directory: string;
let boots = 0;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-kvm-'));
  boots = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const attempt = async (boot: KvmTrialOptions['boot'], options: Partial<KvmTrialOptions> = {}) =>
  await tryKvm({
    device: '/dev/null',
    cacheFile: join(directory, 'state', 'kvm.json'),
    key: 'QEMU 7.2',
    bootId: 'first',
    boot: (signal) => {
      boots++;
      return boot(signal);
    },
    ...options,
  });
const comesUp = () => Promise.resolve();
/** As the KVM of hosts that run no guests: a machine is made, and nothing comes from it. */
const isSilent = (signal: AbortSignal) =>
  new Promise<void>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the guest was ended')), { once: true });
  });

it('uses KVM where a guest comes up, tried once per boot of the host and version', async () => {
  expect(await attempt(comesUp)).toMatchObject({ isUsable: true, reason: expect.stringMatching(/came up in \d+ ms/) });
  expect(await attempt(isSilent)).toMatchObject({ isUsable: true });
  expect(boots).toBe(1);
  expect(await attempt(comesUp, { bootId: 'second' })).toMatchObject({ isUsable: true });
  expect(await attempt(comesUp, { bootId: 'second', key: 'QEMU 8.0' })).toMatchObject({ isUsable: true });
  expect(boots).toBe(3);
});

it('does not wait for a guest that shows no sign of life, and remembers that', async () => {
  const finding = await attempt(isSilent, { boundMs: 20 });
  expect(finding).toEqual({
    isUsable: false,
    reason: '/dev/null is there, but a guest showed no sign of life within 20 ms',
  });
  expect(await attempt(comesUp)).toEqual(finding);
  expect(boots).toBe(1);
});

it('says why a guest did not come up, and why none was tried', async () => {
  const refused = await attempt(() => Promise.reject(new Error('ioctl(KVM_CREATE_VM) failed')));
  expect(refused).toMatchObject({ isUsable: false, reason: expect.stringContaining('KVM_CREATE_VM') });
  const device = join(directory, 'kvm');
  expect(await attempt(comesUp, { device })).toEqual({ isUsable: false, reason: `there is no ${device}` });
  expect(boots).toBe(1);
});

it('tries again when what was remembered cannot be read or kept', async () => {
  const cacheFile = join(directory, 'kvm.json');
  writeFileSync(cacheFile, '{"key":"first\\nQEMU 7.2","isUsable":"yes"}');
  expect(await attempt(comesUp, { cacheFile })).toMatchObject({ isUsable: true });
  expect(await attempt(comesUp, { cacheFile: '/dev/null/kvm.json' })).toMatchObject({ isUsable: true });
  expect(boots).toBe(2);
});
