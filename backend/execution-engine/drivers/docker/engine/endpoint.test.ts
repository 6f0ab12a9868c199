import { describe, expect, it } from 'vitest';
import { describeEndpoint, parseEngineHost, toEngineEndpoint } from './endpoint.ts';
import { EngineClient } from './engine-client.ts';

describe('parseEngineHost', () => {
  it.each([
    ['', '/var/run/docker.sock'],
    ['unix:///run/podman/podman.sock', '/run/podman/podman.sock'],
    ['tcp://proxy:2375', 'proxy:2375'],
    ['tcp://127.0.0.1', '127.0.0.1:2375'],
    ['tcp://[::1]:99', '::1:99'],
  ])('reads %s', (text, shown) => {
    expect(describeEndpoint(parseEngineHost(text))).toBe(shown);
  });

  it.each([
    '/var/run/docker.sock',
    'ssh://host',
    'https://host:2376',
    'tcp://host:99999',
    'tcp://a b',
    'unix://relative',
  ])('refuses %s with an example', (text) => {
    expect(() => parseEngineHost(text)).toThrow('unix:///path/to/docker.sock');
  });
});

describe('toEngineEndpoint', () => {
  it('keeps the error of an address that cannot be used, for every request', async () => {
    const client = new EngineClient({ endpoint: toEngineEndpoint('ssh://host') });
    await expect(client.info()).rejects.toMatchObject({ code: 'docker_host_invalid' });
  });
});
