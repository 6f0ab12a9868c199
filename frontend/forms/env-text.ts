/** What a text in the form of a .env file says. */
export interface EnvText {
  readonly env: Readonly<Record<string, string>>;
  /** The first thing that is wrong, with its line. */
  readonly error: string | undefined;
}

const assignment = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=[^\S\n]*/;
/** A quoted value may be several lines long. */
const quoted = /^(?:"((?:[^"\\]|\\[\s\S])*)"|'([^']*)')[^\S\n]*(?:#[^\n]*)?(?:\n|$)/;
const plain = /^([^\n]*)(?:\n|$)/;

/**
 * Reads `NAME=value` as it stands in .env files: comments, `export`, and quotes are understood, in which a value may go over
 * several lines. ` #` begins a comment; a # inside a word does not, as in shells. A name that comes twice is an error: which
 * of both is meant, nobody can tell.
 */
export function parseEnv(text: string): EnvText {
  const values: [string, string][] = [];
  const lines = new Map<string, number>();
  let rest = text.replaceAll('\r\n', '\n');
  let line = 1;
  const done = (error: string | undefined): EnvText => ({ env: Object.fromEntries(values), error });
  const take = (part: string) => {
    line += part.split('\n').length - 1;
    rest = rest.slice(part.length);
  };
  while (rest !== '') {
    take(/^\s*/.exec(rest)?.[0] ?? '');
    if (rest === '') break;
    if (rest.startsWith('#')) {
      take(plain.exec(rest)?.[0] ?? rest);
      continue;
    }
    const head = assignment.exec(rest);
    const [, key] = head ?? [];
    if (head === null || key === undefined) return done(`line ${line}: expected NAME=value`);
    const before = lines.get(key);
    if (before !== undefined) return done(`line ${line}: ${key} is on line ${before} already`);
    lines.set(key, line);
    const value = readValue(rest.slice(head[0].length));
    values.push([key, value.value]);
    take(head[0] + value.taken);
  }
  return done(undefined);
}

/** The value at the beginning of a text, and what it took with the end of its line. */
function readValue(text: string): { readonly value: string; readonly taken: string } {
  const inQuotes = quoted.exec(text);
  if (inQuotes !== null) {
    const [taken, double, single] = inQuotes;
    return { value: double === undefined ? (single ?? '') : unescaped(double), taken };
  }
  const [taken = text, bare = ''] = plain.exec(text) ?? [];
  // What looks like an open quote is a part of the value.
  return { value: bare.replace(/(?:^|\s+)#.*$/, '').trim(), taken };
}

/** Backslashes as in JSON; text that JSON would not take, such as a path of Windows, stays as it is. */
function unescaped(text: string): string {
  try {
    return String(JSON.parse(`"${text.replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`));
  } catch {
    return text;
  }
}

/** Variables as a text that `parseEnv` reads as the same ones. */
export function envText(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([key, value]) => {
      const isPlain = !/^["']/.test(value) && parseEnv(`${key}=${value}`).env[key] === value;
      return `${key}=${isPlain ? value : JSON.stringify(value)}`;
    })
    .join('\n');
}

/** The text with these variables beside its own; those that it has already get the new value. */
export function withVariables(text: string, added: Readonly<Record<string, string>>): string {
  return envText({ ...parseEnv(text).env, ...added });
}
