/** Writes docs/configuration.md from the settings schema; with `--check` only says whether it is in step. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { settingsSchema } from '../backend/config/schema.ts';

const path = join(import.meta.dirname, '../docs/configuration.md');

interface Shape {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
}

function form(shape: Shape): string {
  if (shape.enum !== undefined) return shape.enum.map((value) => `\`${value}\``).join(', ');
  if (shape.minimum !== undefined && shape.maximum !== undefined) return `${shape.minimum} to ${shape.maximum}`;
  return 'text';
}

function render(): string {
  const schema = z.toJSONSchema(settingsSchema, { io: 'input', unrepresentable: 'any' }) as {
    readonly properties: Record<string, Shape>;
  };
  const rows = Object.entries(schema.properties).map(([name, shape]) => {
    const value = Array.isArray(shape.default) ? shape.default.join(',') : shape.default;
    return `| \`${name}\` | ${form(shape)} | ${value === '' || value === undefined ? '' : `\`${String(value)}\``} | ${shape.description ?? ''} |`;
  });
  return `# Configuration

Generated from \`backend/config/schema.ts\` by \`node scripts/config-docs.ts\`; change it there.

Settings come from the environment, then from the JSON file that \`HEARTH_CONFIG\` names, then from the default. An empty value counts as not given.
A value that cannot be used ends the start with one line and exit status 2; a \`HEARTH_*\` name that means nothing is a warning.

| setting | form | default | meaning |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

const text = render();
if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== text) {
    console.error(
      'docs/configuration.md is not in step with backend/config/schema.ts; run: node scripts/config-docs.ts',
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(path, text);
}
