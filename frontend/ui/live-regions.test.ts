import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const frontend = join(import.meta.dirname, '..');
const sources = globSync('**/*.tsx', { cwd: frontend, exclude: ['node_modules/**'] }).map((path) => ({
  path: path.replaceAll('\\', '/'),
  text: readFileSync(join(frontend, path), 'utf8'),
}));

describe('what is said to people who do not see it', () => {
  it('waits for its turn', () => {
    const modes = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/aria-live=(\S+)/g)].map(([, mode]) => `${path} ${mode}`),
    );
    expect(modes.length).toBeGreaterThan(1);
    expect(modes.filter((mode) => /assertive/.test(mode))).toEqual([]);
  });

  it('leaves out lines that come by themselves: areas with the role of a log say nothing', () => {
    const scrollArea = sources.find(({ path }) => path === 'ui/scroll-area.tsx')?.text;
    expect(scrollArea).toContain("aria-live={role === 'log' ? 'off' : undefined}");
    const others = sources.filter(({ text }) => /<(?!ScrollArea)\w+[^<>]*\srole="log"/.test(text));
    expect(others.map(({ path }) => path)).toEqual([]);
  });

  it('says what the numbers of the overview come to through the one place that limits how often', () => {
    const overview = sources.find(({ path }) => path === 'pages/overview.tsx')?.text ?? '';
    expect(overview).toContain('<Announced text={health.verdict} />');
    expect(overview).not.toContain('role="status"');
  });
});
