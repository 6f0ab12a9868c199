const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const literals = ['true', 'false', 'null'];

/** The end of a string whose opening quote is at `start`, or the offset of what is wrong in it, negated. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) return i + 1;
    if (code < 0x20) return -i;
    if (code !== 0x5c) continue;
    i++;
    const escaped = text[i] ?? '';
    if (escaped === 'u' && /^[0-9a-fA-F]{4}$/.test(text.slice(i + 1, i + 5))) i += 4;
    else if (!'"\\/bfnrt'.includes(escaped) || escaped === '') return -i;
  }
  return -text.length;
}

/** The end of the scalar at `start`, or where it goes wrong, negated. */
function endOfScalar(text: string, start: number): number {
  if (text[start] === '"') return endOfString(text, start);
  const literal = literals.find((word) => text.startsWith(word, start));
  if (literal !== undefined) return start + literal.length;
  number.lastIndex = start;
  return number.test(text) ? number.lastIndex : -start;
}

type Expected = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end' | 'nothing';

/** One pass over a text with a stack of what is open; no recursion, linear in the text. */
class Scanner {
  readonly #text: string;
  readonly #open: ('{' | '[')[] = [];
  #expected: Expected = 'value';
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  firstError(): number {
    for (;;) {
      while (/[ \t\n\r]/.test(this.#text[this.#at] ?? '')) this.#at++;
      if (this.#at >= this.#text.length) return this.#text.length;
      const before = this.#at;
      const failedAt = this.#step(this.#text[before] as string);
      if (failedAt !== undefined) return failedAt;
    }
  }

  #step(char: string): number | undefined {
    const expected = this.#expected;
    const isValue = expected === 'value' || expected === 'value-or-end';
    if (isValue && (char === '{' || char === '[')) {
      this.#open.push(char);
      return this.#take(1, char === '{' ? 'key-or-end' : 'value-or-end');
    }
    if (expected.endsWith('end') && (char === '}' || char === ']')) return this.#close(char);
    if (expected === 'comma-or-end' && char === ',') return this.#take(1, this.#open.at(-1) === '{' ? 'key' : 'value');
    if (expected === 'colon' && char === ':') return this.#take(1, 'value');
    const isKey = expected === 'key' || expected === 'key-or-end';
    if (isKey && char === '"') return this.#scalar('colon');
    return isValue ? this.#scalar(this.#afterValue()) : this.#at;
  }

  #scalar(next: Expected): number | undefined {
    const end = endOfScalar(this.#text, this.#at);
    return end <= 0 ? -end : this.#take(end - this.#at, next);
  }

  #close(char: string): number | undefined {
    if (this.#open.at(-1) !== (char === '}' ? '{' : '[')) return this.#at;
    this.#open.pop();
    return this.#take(1, this.#afterValue());
  }

  #afterValue(): Expected {
    return this.#open.length === 0 ? 'nothing' : 'comma-or-end';
  }

  #take(length: number, expected: Expected): undefined {
    this.#at += length;
    this.#expected = expected;
  }
}

/**
 * Where text that is no JSON (RFC 8259) goes wrong: an offset, the text's length when it ends too early. V8 tells the position
 * for some errors only, and quotes the input for others.
 */
export function jsonErrorPosition(text: string): number {
  return new Scanner(text).firstError();
}
