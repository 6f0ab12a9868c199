import { describe, expect, it } from 'vitest';
import { secretProblem } from './secret-problem.ts';

describe('secretProblem', () => {
  it('says of names and values what the platform would', () => {
    expect(secretProblem('DB_PASSWORD', 'x')).toBeUndefined();
    expect(secretProblem('PATH', 'x')).toBe('this name is set by the platform; choose another one');
    expect(secretProblem('DB_PASSWORD', '')).toBe('a value must not be empty');
    expect(secretProblem('DB_PASSWORD', 'a\0')).toBe('must be text without NUL characters');
  });
});
