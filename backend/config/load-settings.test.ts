import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadSettings, SettingsError } from './load-settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'hearth-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

describe('loadSettings', () => {
  it('has a default for everything', () => {
    const { settings, warnings } = loadSettings({});
    expect(settings.HEARTH_HOST).toBe('127.0.0.1');
    expect(settings.HEARTH_PORT).toBe(3000);
    expect(settings.HEARTH_GATEWAY_PORT).toBe(8080);
    expect(settings.HEARTH_ALLOW_UNSANDBOXED).toBe(false);
    expect(warnings).toEqual([]);
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it('parses numbers, flags and lists, and takes an empty value for a missing one', () => {
    const { settings } = loadSettings({
      HEARTH_PORT: '0',
      HEARTH_EXAMPLES: 'no',
      HEARTH_REGISTRY_HOSTS: 'a.example, b.example',
      HEARTH_HOST: '',
    });
    expect(settings.HEARTH_PORT).toBe(0);
    expect(settings.HEARTH_EXAMPLES).toBe(false);
    expect(settings.HEARTH_REGISTRY_HOSTS).toEqual(['a.example', 'b.example']);
    expect(settings.HEARTH_HOST).toBe('127.0.0.1');
  });

  it('names the setting and the value that is wrong in one line', () => {
    const failure = (environment: Record<string, string>): string => {
      try {
        loadSettings(environment);
      } catch (error) {
        if (error instanceof SettingsError) return error.message;
      }
      return 'accepted';
    };
    expect(failure({ HEARTH_PORT: 'eighty' })).toMatch(
      /^HEARTH_PORT: "eighty" cannot be used: .*docs\/configuration\.md\.$/,
    );
    expect(failure({ HEARTH_ISOLATION: 'chroot' })).toContain('HEARTH_ISOLATION: "chroot"');
    expect(failure({ DATABASE_URL: 'postgres://x' })).toContain('only `sqlite:<path>` so far');
    expect(failure({ HEARTH_ADMIN_TOKEN: 'short' })).not.toContain('short ');
    expect(failure({ HEARTH_PORT: '70000' })).not.toContain('\n');
  });

  it('warns about an unknown HEARTH_ name and suggests the nearest', () => {
    const { warnings } = loadSettings({ HEARTH_PROT: '1', HEARTHSTONE: '1', OTHER: '1' });
    expect(warnings).toEqual(['HEARTH_PROT in the environment is not a setting of Hearth; did you mean HEARTH_PORT?']);
  });

  it('reads a file, and the environment wins', () => {
    const path = file('a.json', '{"HEARTH_PORT": 4000, "HEARTH_EXAMPLES": false, "HEARTH_WRONG_NAME": 1}');
    const { settings, warnings } = loadSettings({ HEARTH_CONFIG: path, HEARTH_PORT: '5000' });
    expect(settings.HEARTH_PORT).toBe(5000);
    expect(settings.HEARTH_EXAMPLES).toBe(false);
    expect(warnings).toHaveLength(1);
    expect(() => loadSettings({ HEARTH_CONFIG: file('b.json', '{') })).toThrow(/as JSON/);
    expect(() => loadSettings({ HEARTH_CONFIG: file('c.json', '[]') })).toThrow(/one JSON object/);
    expect(() => loadSettings({ HEARTH_CONFIG: join(folder, 'none.json') })).toThrow(/cannot read/);
  });

  it('takes the admin token from a file', () => {
    const path = file('token', `${'x'.repeat(32)}\n`);
    expect(loadSettings({ HEARTH_ADMIN_TOKEN_FILE: path }).settings.HEARTH_ADMIN_TOKEN).toBe('x'.repeat(32));
    expect(() => loadSettings({ HEARTH_ADMIN_TOKEN_FILE: path, HEARTH_ADMIN_TOKEN: 'y'.repeat(32) })).toThrow(
      /both set/,
    );
    expect(() => loadSettings({ HEARTH_ADMIN_TOKEN_FILE: file('short', 'x') })).toThrow(/at least 20/);
  });
});
