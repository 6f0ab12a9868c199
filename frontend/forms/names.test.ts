import { describe, expect, it } from 'vitest';
import { fileNameError, nameError } from './names.ts';

describe('names', () => {
  it('checks the name of a function', () => {
    expect(nameError('my-fn-2')).toBeUndefined();
    for (const wrong of ['', 'My', '-a', 'a-', 'a_b', 'x'.repeat(64)]) expect(nameError(wrong)).toBeDefined();
  });

  it('checks the name of a file', () => {
    expect(fileNameError('lib/util.ts', {})).toBeUndefined();
    for (const wrong of ['', '/etc/passwd', '../x', 'a//b', 'a/', './a'])
      expect(fileNameError(wrong, {})).toBeDefined();
    expect(fileNameError('a.ts', { 'a.ts': '' })).toMatch(/already/);
    expect(fileNameError('lib', { 'lib/a.ts': '' })).toMatch(/folder of this name/);
    expect(fileNameError('a/b/c.ts', { 'a/b': '' })).toBe('a/b is a file, not a folder');
  });
});
