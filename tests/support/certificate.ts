import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why no certificate can be made here. */
export const needsOpenssl = spawnSync('openssl', ['version']).status === 0 ? undefined : 'openssl is not installed';

/** A certificate that vouches for itself, for these names and addresses (`DNS:a.example,IP:127.0.0.2`), good for a day. */
export function selfSigned(names: string): { readonly key: string; readonly cert: string } {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-certificate-'));
  try {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const subject = ['-subj', '/CN=test', '-addext', `subjectAltName=${names}`];
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
    execFileSync('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
