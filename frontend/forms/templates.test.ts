import { transformSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { createFunctionSchema } from '../../shared/api/functions.ts';
import { checkSettings, configOf, settingsOfTemplate } from './draft.ts';
import { nameError } from './names.ts';
import { templateCards } from './template-cards.ts';
import { templateOf, templates } from './templates.ts';

describe.each(templates.map((template) => [template.id, template] as const))('template %s', (_id, template) => {
  it('is a function that the platform takes', () => {
    expect(nameError(template.name)).toBeUndefined();
    expect(checkSettings(settingsOfTemplate(template))).toEqual({});
    const body = {
      ...template.settings,
      ...configOf(settingsOfTemplate(template)),
      name: template.name,
      runtime: template.runtime,
      files: template.files,
    };
    expect(createFunctionSchema.safeParse(body).error).toBeUndefined();
  });

  it('has its handler in one of its files, source that parses, and an event that is JSON', () => {
    const [file] = template.handler.split('.');
    expect(Object.keys(template.files).some((name) => name.replace(/\.\w+$/, '') === file)).toBe(true);
    expect(() => JSON.parse(template.event)).not.toThrow();
    for (const [name, text] of Object.entries(template.files)) {
      if (/\.[cm]?[jt]s$/.test(name)) expect(() => transformSync(text, { loader: 'ts' })).not.toThrow();
    }
  });
});

it('shows the first templates in the first run as they are', () => {
  const first = templates.slice(0, templateCards.length);
  expect(first.map(({ id, title, summary, files }) => ({ id, title, summary, fileNames: Object.keys(files) }))).toEqual(
    templateCards,
  );
});

describe('templateOf', () => {
  it('has an answer for an address that names none', () => {
    expect(templateOf('cron').id).toBe('cron');
    expect(templateOf('nonsense')).toBe(templates[0]);
  });
});
