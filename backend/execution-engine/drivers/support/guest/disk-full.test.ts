import { expect, test } from 'vitest';
import { PlatformError } from '../../../../../shared/errors.ts';
import { explainDiskFull } from './disk-full.ts';

test.each([
  ['the kernel', Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })],
  ['a quota', Object.assign(new Error('EDQUOT'), { code: 'EDQUOT' })],
  [
    'a program',
    new PlatformError('unavailable', 'image_not_built', 'an image could not be made', {
      cause: Object.assign(new Error('exit 1'), { stderr: '<E> erofs: write: No space left on device\n' }),
    }),
  ],
])('names folder and fix when %s says that there is no room', (_who, error) => {
  expect(explainDiskFull(error, 'an image', '/srv/guests')).toMatchObject({
    kind: 'unavailable',
    code: 'guest_disk_full',
    message: expect.stringMatching(/^an image could not be written: the disk of \/srv\/guests is full; free space/),
  });
});

test('leaves other errors as they are', () => {
  const other = Object.assign(new Error('EIO'), { code: 'EIO' });
  expect(explainDiskFull(other, 'an image', '/srv')).toBe(other);
  expect(explainDiskFull('nonsense', 'an image', '/srv')).toBe('nonsense');
});
