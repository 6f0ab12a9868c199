import { describe, expect, it } from 'vitest';
import { createFunctionSchema } from '../../shared/api/functions.ts';
import { versionConfigSchema } from '../../shared/version-config.ts';
import { checkImage, emptyImage, type ImageDraft, imageDraftOf, imageOf } from './image-draft.ts';

const web: ImageDraft = { ...emptyImage, reference: ' registry.example.com:5000/team/web:1.4 ' };

describe('an image in a form', () => {
  it('is taken by the platform once it has a name', () => {
    expect(checkImage(emptyImage)).toEqual({ reference: expect.stringContaining('name of an image') });
    expect(checkImage(web)).toEqual({});
    const body = { name: 'web', image: imageOf({ ...web, readinessPath: '/healthz', pullSecret: 'REGISTRY' }) };
    expect(createFunctionSchema.parse(body).image).toEqual({
      reference: 'registry.example.com:5000/team/web:1.4',
      protocol: 'http',
      port: 8080,
      readinessPath: '/healthz',
      pull: 'missing',
      pullSecret: 'REGISTRY',
    });
  });

  it('says what is wrong with port and readiness, and only of programs that listen', () => {
    const wrong = { ...web, port: '80', readinessPath: 'healthz' };
    expect(Object.keys(checkImage(wrong))).toEqual(['port', 'readinessPath']);
    expect(checkImage({ ...wrong, protocol: 'lambda' })).toEqual({});
    expect(imageOf({ ...wrong, protocol: 'lambda' })).not.toHaveProperty('port');
  });

  it('comes back from a version as it was sent', () => {
    const draft = { ...web, reference: 'app', readinessPath: '/ready', pull: 'always' as const };
    const stored = versionConfigSchema.shape.image.parse(imageOf(draft));
    if (stored === null) throw new Error('there is an image');
    expect(imageDraftOf(stored)).toEqual(draft);
  });
});
