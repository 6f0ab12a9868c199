import { type Egress, egressSchema } from '../../shared/egress.ts';

export type EgressChoice = 'none' | 'all' | 'hosts' | '';

/** The allow-list that a text means, with one host a line, or the JSON of a host with a secret; or what is wrong with it. */
export function parseEgressHosts(text: string): { readonly egress: Egress; readonly error: string | undefined } {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const allow = lines.filter((line) => line !== '').map(ruleOf);
  if (allow.length === 0) return { egress: 'none', error: 'Name at least one host' };
  const { data, error } = egressSchema.safeParse({ allow });
  return { egress: data ?? 'none', error: error?.issues[0]?.message };
}

function ruleOf(line: string): unknown {
  if (!line.startsWith('{')) return line;
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return line;
  }
}

export function egressOf(choice: Exclude<EgressChoice, ''>, hosts: string): Egress {
  return choice === 'hosts' ? parseEgressHosts(hosts).egress : choice;
}

/** What the form shows of a version's setting. */
export function egressDraft(egress: Egress): { readonly egress: EgressChoice; readonly egressHosts: string } {
  if (typeof egress === 'string') return { egress, egressHosts: '' };
  const lines = egress.allow.map((rule) => (typeof rule === 'string' ? rule : JSON.stringify(rule)));
  return { egress: 'hosts', egressHosts: lines.join('\n') };
}
