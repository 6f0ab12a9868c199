import { describe, expect, it } from 'vitest';
import { createFunctionSchema } from '../../shared/api/functions.ts';
import { checkFunction, draftOfImage, draftOfTemplate, functionOf } from './new-function.ts';
import type { Program } from './program.ts';
import { templateOf } from './templates.ts';

const program: Program = { fileName: 'app', bytes: 3, base64: 'AQID' };

describe('a new function', () => {
  it('of a template is what the template says', () => {
    const template = templateOf('cron');
    const draft = draftOfTemplate(template);
    expect(checkFunction(draft).first).toBeUndefined();
    expect(functionOf(draft, template.settings)).toMatchObject({
      runtime: 'nodejs',
      files: template.files,
      schedules: template.settings.schedules,
    });
  });

  it('has a program in the place of bootstrap, with the custom runtime alone', () => {
    const template = templateOf('custom');
    const draft = { ...draftOfTemplate(template), program };
    const body = functionOf({ ...draft, files: { ...draft.files, 'words.txt': 'a' } }, template.settings);
    expect(body).toMatchObject({ runtime: 'custom', files: { bootstrap: { base64: 'AQID' }, 'words.txt': 'a' } });
    expect(createFunctionSchema.safeParse(body).error).toBeUndefined();
    expect(functionOf({ ...draft, runtime: 'nodejs' }, {}).files).toEqual(template.files);
  });

  it('is an image without code, and without what belongs to code', () => {
    const draft = draftOfImage();
    expect(checkFunction(draft).first).toMatch(/^Image: /);
    const named = { ...draft, image: { ...draft.image, reference: 'team/web:1' } };
    expect(checkFunction(named).first).toBeUndefined();
    const body = functionOf(named, {});
    expect(body).toMatchObject({ runtime: 'image', image: { reference: 'team/web:1', port: 8080 } });
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['files']));
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['handler']));
    expect(createFunctionSchema.safeParse(body).error).toBeUndefined();
  });

  it('says where its first fault is', () => {
    const draft = draftOfTemplate(templateOf('cron'));
    expect(checkFunction({ ...draft, name: 'No!' }).first).toMatch(/^Name: /);
    expect(checkFunction({ ...draft, settings: { ...draft.settings, memoryMb: '1' } }).first).toMatch(
      /^Memory \(MiB\): /,
    );
  });
});
