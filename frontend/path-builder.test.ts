import { describe, expect, it } from 'vitest';
import { functionTabs, paths } from './path-builder.ts';

describe('paths', () => {
  it('encodes names, so that no name can leave its place', () => {
    expect(paths.function('a/b?c#d')).toBe('/functions/a%2Fb%3Fc%23d');
    expect(paths.invocation('inv_1')).toBe('/invocations/inv_1');
    expect(paths.newFunction('json api')).toBe('/functions/new?template=json%20api');
  });

  it('gives every tab an address of its own', () => {
    const all = functionTabs.map((tab) => paths.function('f', tab));
    expect(new Set(all).size).toBe(functionTabs.length);
    expect(paths.function('f', 'overview')).toBe(paths.function('f'));
  });
});
