import { describe, expect, it } from 'vitest';
import { stripAnsi } from './ansi.ts';

describe('stripAnsi', () => {
  it.each([
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b[1;38;5;208mbold\u001b[m', 'bold'],
    ['\u001b]0;title\u0007text', 'text'],
    ['\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['plain [31m', 'plain [31m'],
    ['\u001bMup', 'up'],
  ])('%j is %j', (text, stripped) => expect(stripAnsi(text)).toBe(stripped));
});
