import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildSeccompProfile, complementOf, wallsOf } from './seccomp-profile.ts';

const word = fc.integer({ min: 0, max: 0xffffffff });

describe('complementOf', () => {
  it('matches every word but the given ones', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), word, (words, other) => {
        const prefixes = complementOf(words);
        const matches = (value: number): boolean => prefixes.some((one) => (value & one.mask) >>> 0 === one.value);
        for (const value of words) expect(matches(value)).toBe(false);
        expect(matches(other)).toBe(!words.includes(other));
        // A neighbour differs in one bit: the hardest to tell apart.
        for (const value of words)
          for (const bit of [0, 7, 31]) {
            const neighbour = (value ^ (1 << bit)) >>> 0;
            expect(matches(neighbour)).toBe(!words.includes(neighbour));
          }
      }),
    );
  });
});

describe('buildSeccompProfile', () => {
  const profile = buildSeccompProfile('x86_64');
  const rulesFor = (name: string) => profile.syscalls.filter((rule) => rule.names.includes(name));

  it('denies what is not named, and any other architecture', () => {
    expect(profile.defaultAction).toBe('SCMP_ACT_ERRNO');
    expect(profile.architectures).toEqual(['SCMP_ARCH_X86_64']);
    // Podman's name for it; without one, no other architecture would be denied.
    expect(buildSeccompProfile('amd64').architectures).toEqual(['SCMP_ARCH_X86_64']);
    for (const name of ['io_uring_setup', 'ptrace', 'mount', 'bpf', 'unshare', 'setns', 'keyctl', 'userfaultfd']) {
      expect(rulesFor(name), name).toEqual([]);
    }
    expect(rulesFor('read')).toHaveLength(1);
  });

  it('allows no terminal tricks, whatever the high half of the argument holds', () => {
    const rules = rulesFor('ioctl').flatMap((rule) => rule.args ?? []);
    const allows = (command: bigint): boolean =>
      rules.some((rule) => (command & BigInt(rule.value)) === BigInt(rule.valueTwo ?? -1));
    for (const command of [0x5412n, 0x541cn, 0x5423n]) {
      expect(allows(command)).toBe(false);
      expect(allows(command + (1n << 32n))).toBe(false);
    }
    for (const command of [0x5401n, 0x5413n, 0x541bn, 0x5421n, 0x5451n, 0xffffffffn])
      expect(allows(command)).toBe(true);
  });

  it('lets clone make threads, not namespaces, and no families beside the usual', () => {
    expect(rulesFor('clone')).toEqual([
      expect.objectContaining({ args: [{ index: 0, value: 0x7e020080, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }] }),
    ]);
    expect(rulesFor('clone3')).toEqual([{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
    const families = rulesFor('socket').map((rule) => rule.args?.[0]?.value);
    expect(families).toEqual([1, 2, 10, 16]);
    expect(rulesFor('socket')[3]?.args).toHaveLength(2);
  });
});

describe('wallsOf', () => {
  it('gives Docker the list itself, and Podman a file, what it must hide and what it must not fill', () => {
    const directory = mkdtempSync(join(tmpdir(), 'hearth-seccomp-'));
    try {
      const docker = wallsOf({ Architecture: 'x86_64' }, directory);
      expect(docker.securityOptions).toEqual(['no-new-privileges', expect.stringMatching(/^seccomp=\{/)]);
      expect(docker.closedFolders).toEqual([]);
      const podman = wallsOf({ Architecture: 'x86_64', BuildahVersion: '1.28' }, directory);
      const [, seccomp = '', mask] = podman.securityOptions;
      const written = readFileSync(seccomp.slice('seccomp='.length), 'utf8');
      expect(`seccomp=${written}`).toBe(docker.securityOptions[1]);
      expect(mask).toMatch(/^mask=(\/proc\/[a-z_.-]+:)+\/sys$/);
      expect(podman.closedFolders).toEqual(['/run', '/var/tmp']);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
