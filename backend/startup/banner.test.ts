import { describe, expect, it } from 'vitest';
import { type BannerFacts, renderBanner } from './banner.ts';

const facts: BannerFacts = {
  version: '1.2.3',
  controlUrl: 'http://127.0.0.1:3000',
  gatewayUrl: 'http://127.0.0.1:8080',
  newToken: undefined,
  tokenPath: 'data/admin-token',
  drivers: [
    {
      name: 'process',
      isDefault: true,
      health: {
        status: 'healthy',
        version: 'bubblewrap 0.8.0',
        tier: 'strict',
        enforces: new Set(['memory', 'cpu'] as const),
        notes: [],
      },
    },
    {
      name: 'docker',
      isDefault: false,
      health: { status: 'undetected', reason: 'no daemon at /var/run/docker.sock', fix: 'start dockerd' },
    },
  ],
  runtimes: [
    { name: 'nodejs', health: { status: 'available', version: '24.21.0' } },
    { name: 'python', health: { status: 'missing', reason: 'no python3', fix: 'apt-get install python3' } },
  ],
  warnings: [],
  tryPath: '/hello?name=Ada',
};

describe('renderBanner', () => {
  it('says where things are, what is there and why the rest is not', () => {
    const text = renderBanner(facts);
    expect(text).toContain('Dashboard   http://127.0.0.1:3000\n');
    expect(text).toContain('Admin token in data/admin-token');
    expect(text).toContain('process (default): strict, bubblewrap 0.8.0; enforces memory, cpu');
    expect(text).toContain('docker: not available: no daemon at /var/run/docker.sock; start dockerd');
    expect(text).toContain('python: missing: no python3; apt-get install python3');
    expect(text).toContain("curl 'http://127.0.0.1:8080/hello?name=Ada'");
  });

  it('shows the token on the first start only, and puts it into the link', () => {
    const text = renderBanner({ ...facts, newToken: 'hearth_abc' });
    expect(text).toContain('http://127.0.0.1:3000/#token=hearth_abc');
    expect(text).toContain('hearth_abc   (shown once; kept in data/admin-token)');
    expect(renderBanner(facts)).not.toContain('hearth_abc');
  });

  it('offers nothing to try when nothing is deployed, and shows warnings', () => {
    const text = renderBanner({ ...facts, tryPath: undefined, warnings: ['functions run without a sandbox'] });
    expect(text).not.toContain('curl');
    expect(text).toContain('Warning     functions run without a sandbox');
  });
});
