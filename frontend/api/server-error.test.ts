import { describe, expect, it } from 'vitest';
import { problemSchema } from '../../shared/api/paging.ts';
import { ApiError, processServerError } from './server-error.ts';

const problem = problemSchema.parse({
  type: 'about:blank',
  title: 'Conflict',
  status: 409,
  detail: 'there is a function hello already',
  code: 'name_taken',
  requestId: 'req-1',
  errors: [{ path: 'name', message: 'taken' }],
  buildLog: ['line'],
});

describe('processServerError', () => {
  it('is one sentence, the code, what to do, and the fields', () => {
    expect(processServerError(new ApiError(409, problem))).toMatchObject({
      message: 'There is a function hello already.',
      code: 'name_taken',
      status: 409,
      action: 'Reload to see the present state, then decide again.',
      fields: [{ path: 'name', message: 'taken' }],
      buildLog: ['line'],
      requestId: 'req-1',
    });
  });

  it('says when to try again', () => {
    expect(processServerError(new ApiError(429, undefined, { retryAfterSeconds: 7 })).action).toBe('Try again in 7 s.');
  });

  it('has words for answers that are no problem documents, and for no answer at all', () => {
    expect(processServerError(new ApiError(502, undefined))).toMatchObject({
      code: 'bad_answer',
      message: 'The platform answered 502.',
    });
    expect(processServerError(new TypeError('fetch failed'))).toMatchObject({
      code: 'network',
      message: 'The platform does not answer.',
    });
    expect(processServerError(new DOMException('x', 'AbortError')).code).toBe('aborted');
    expect(processServerError(new Error('odd'))).toMatchObject({ code: 'unexpected', message: 'Odd.' });
    expect(processServerError('text').code).toBe('unexpected');
  });
});

it('keeps the name of a file, and the source below it as it was laid out', () => {
  const detail = 'index.mjs:1:8: Expected ";"\n  syntax error\n         ^^^^^';
  const problem = { type: 't', title: 't', status: 422, detail, code: 'build_failed', requestId: 'r' };
  const error = processServerError(new ApiError(422, problem));
  expect(error.message).toMatch(/^index\.mjs:1:8: Expected ";"/);
  expect(error.message).not.toContain('syntax error');
  expect(error.buildLog).toEqual(['  syntax error', '         ^^^^^']);
  const logged = processServerError(new ApiError(422, { ...problem, detail: 'npm failed\nE404', buildLog: ['E404'] }));
  expect(logged.buildLog).toEqual(['E404']);
  expect(logged.message).toMatch(/^Npm failed|^npm failed/);
});
