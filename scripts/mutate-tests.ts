/**
 * What the test files of the parsers import as `vitest` while mutate-driver.ts tries changes: their tests are collected, to be run many times. Each
 * evaluation of this module is a new collection.
 */
import { expect as real } from '../node_modules/vitest/dist/index.js';

type Body = (...given: unknown[]) => unknown;

export interface CollectedTest {
  readonly name: string;
  /** With what goes before and after it. */
  readonly run: () => Promise<void>;
}

export const expect = real;
/** Of the files that were imported since this module was evaluated. */
export const collected: CollectedTest[] = [];

interface Hooks {
  readonly before: Body[];
  readonly after: Body[];
}
/** Of the blocks that surround what is being declared. */
let scopes: readonly Hooks[] = [{ before: [], after: [] }];
let names: readonly string[] = [];

function declare(name: string, body: Body, given: readonly unknown[]): void {
  const around = scopes;
  const run = async () => {
    for (const { before } of around) for (const hook of before) await hook();
    try {
      await body(...given);
    } finally {
      for (const { after } of around.toReversed()) for (const hook of after) await hook();
    }
  };
  collected.push({ name: [...names, name].join(' > '), run });
}

function block(name: string, body: Body, given: readonly unknown[]): void {
  const outer = { scopes, names };
  scopes = [...scopes, { before: [], after: [] }];
  names = [...names, name];
  body(...given);
  ({ scopes, names } = outer);
}

/** The forms that the tests of the parsers use: `it(name, body)` and `it.each(rows)(name, body)`. */
function form(add: (name: string, body: Body, given: readonly unknown[]) => void) {
  const each = (rows: readonly unknown[]) => (name: string, body: Body) => {
    for (const [index, row] of rows.entries()) add(`${name} #${index}`, body, Array.isArray(row) ? row : [row]);
  };
  return Object.assign((name: string, body: Body) => add(name, body, []), { each });
}

export const it = form(declare);
export const test = form(declare);
export const describe = form(block);

function hookInto(kind: keyof Hooks): (hook: Body) => void {
  return (hook) => void scopes.at(-1)?.[kind].push(hook);
}

export const beforeEach = hookInto('before');
export const afterEach = hookInto('after');
// Each test is run by itself, so what is done once for all of them is done for each.
export const beforeAll = hookInto('before');
export const afterAll = hookInto('after');
