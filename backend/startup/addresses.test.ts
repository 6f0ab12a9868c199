import { expect, test } from 'vitest';
import type { Settings } from '../config/schema.ts';
import { isLoopback, listenForControl, urlOf } from './addresses.ts';

const settings = { HEARTH_HOST: '300.1.1.1', HEARTH_PORT: 80 } as Settings;
const failing = (code: string) =>
  listenForControl(
    {
      listen: () => Promise.reject(Object.assign(new Error(`listen ${code}`), { code })),
    } as unknown as Parameters<typeof listenForControl>[0],
    settings,
  );

test.each([
  ['EADDRINUSE', 'port_taken', /port 80 on 300\.1\.1\.1 is taken; .*HEARTH_PORT/],
  ['EACCES', 'port_forbidden', /set HEARTH_PORT to one above 1023/],
  ['ENOTFOUND', 'listen_failed', /cannot listen on 300\.1\.1\.1:80: .*HEARTH_HOST must be an address of this machine/],
])('%s becomes one line with what to do', async (code, expected, message) => {
  await expect(failing(code)).rejects.toMatchObject({ code: expected, message: expect.stringMatching(message) });
});

test('addresses as a person opens them', () => {
  expect(urlOf('0.0.0.0', 3000)).toBe('http://127.0.0.1:3000');
  expect(urlOf('::1', 3000)).toBe('http://[::1]:3000');
  expect([isLoopback('127.0.0.2'), isLoopback('10.0.0.1')]).toEqual([true, false]);
});
