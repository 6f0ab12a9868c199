import type { LogLine } from '../shared/api/invocations.ts';
import { isDraft } from '../shared/drafts.ts';
import { printable, type Terminal } from './terminal.ts';

const levelStyles = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' } as const;

/** One log line for a terminal: time, level, function and version when asked for, text. */
export function printLogLine(terminal: Terminal, line: LogLine, hasFunction: boolean): string {
  const level = terminal.style(levelStyles[line.level], line.level.padEnd(5));
  const source = hasFunction
    ? ` ${terminal.style('dim', `${line.functionName}@${isDraft(line) ? 'draft' : line.version}`)}`
    : '';
  return `${terminal.style('dim', line.at.slice(11, 23))} ${level}${source} ${printable(line.text)}`;
}
