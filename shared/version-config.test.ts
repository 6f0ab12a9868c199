import { describe, expect, it } from 'vitest';
import { versionConfigInputSchema } from './version-config.ts';

const parse = (cors: object) => versionConfigInputSchema.safeParse({ cors: { origins: ['*'], ...cors } }).success;

describe('cors', () => {
  it('takes what can stand in a header', () => {
    expect(parse({ origins: ['https://a.example:8443', '*'], methods: ['PUT', 'x-1'], headers: ['X-A_b'] })).toBe(true);
  });

  it.each([
    { methods: ['GET\r\nx: y'] },
    { methods: ['GET, PUT'] },
    { methods: [''] },
    { headers: ['a\r\nb: c'] },
    { headers: ['a b'] },
    { headers: ['é'] },
    { origins: ['https://a\r\nx: y'] },
    { origins: [''] },
  ])('refuses %j, which the gateway could not answer with', (cors) => {
    expect(parse(cors)).toBe(false);
  });
});
