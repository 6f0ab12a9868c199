import { describe, expect, it } from 'vitest';
import { dependenciesOf } from './dependencies.ts';

const npm = {
  installer: 'npm' as const,
  isBundled: true,
  items: [
    { name: 'ms', version: '2.1.3', sizeBytes: 2000 },
    { name: 'inner', version: '1.0.0', sizeBytes: 30 },
    { name: 'inner', version: '2.0.0', sizeBytes: 5 },
  ],
};

describe('dependencies', () => {
  it('of package.json stand beside what was installed, and what they need is counted', () => {
    const text = JSON.stringify({ dependencies: { ms: '^2.0.0', later: '1' }, devDependencies: { vite: '8' } });
    expect(dependenciesOf('nodejs', text, npm)).toEqual({
      isBroken: false,
      named: [
        { name: 'ms', declared: '^2.0.0', installed: ['2.1.3'], sizeBytes: 2000 },
        { name: 'later', declared: '1', installed: [], sizeBytes: null },
      ],
      others: { count: 2, sizeBytes: 35 },
    });
  });

  it('are none without the file, and not known while it cannot be read', () => {
    expect(dependenciesOf('nodejs', undefined, null)).toMatchObject({ isBroken: false, named: [] });
    for (const text of ['{', '[]', '{"dependencies": ["ms"]}', 'null']) {
      expect(dependenciesOf('nodejs', text, null).isBroken).toBe(true);
    }
  });

  it('of requirements.txt are the same in another spelling', () => {
    const text = '# none\n-r other.txt\nTyping.Extensions[x]>=4 ; python_version < "3.12"  # why\nsix\n\n';
    const items = [{ name: 'typing_extensions', version: '4.1', sizeBytes: 9 }];
    expect(dependenciesOf('python', text, { installer: 'pip', isBundled: false, items }).named).toEqual([
      { name: 'Typing.Extensions', declared: '>=4 ; python_version < "3.12"', installed: ['4.1'], sizeBytes: 9 },
      { name: 'six', declared: '', installed: [], sizeBytes: null },
    ]);
  });
});
