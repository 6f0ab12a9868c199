import { expect, test } from 'vitest';
import { auditCsv } from './audit-csv.ts';

test('an audit trail becomes a row for each entry, and no formula', () => {
  const entry = {
    ...{ id: 'aud_1', at: '2030-01-01T00:00:00.000Z', project: null, actorId: 'usr_1', actor: '=ada' },
    ...{
      action: 'user.create',
      target: 'bob',
      outcome: 'done',
      detail: { after: { name: 'bob' } },
      address: '::1',
      hash: 'ff',
    },
  };
  const lines = `${JSON.stringify(entry)}\n${JSON.stringify({ ...entry, id: 'aud_2', project: 'acme' })}\n`;
  expect(auditCsv(lines).split('\r\n')).toEqual([
    'at,actor,action,target,outcome,project,address,detail,id,hash',
    `2030-01-01T00:00:00.000Z,'=ada,user.create,bob,done,,::1,"{""after"":{""name"":""bob""}}",aud_1,ff`,
    `2030-01-01T00:00:00.000Z,'=ada,user.create,bob,done,acme,::1,"{""after"":{""name"":""bob""}}",aud_2,ff`,
    '',
  ]);
});
