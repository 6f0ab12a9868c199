/**
 * The first process inside a build sandbox, run by the Node that the build uses, from a file that the platform writes. It is text
 * because it must be one file without dependencies wherever the platform itself was bundled to. Arguments: command and its arguments; the
 * port of the registry proxy is put in place of `{proxy}`.
 */
export const buildEntrySource = `'use strict';
const net = require('node:net');
const { spawn } = require('node:child_process');
const server = net.createServer((client) => {
  const upstream = net.connect('/build/run/proxy.sock');
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
  client.pipe(upstream).pipe(client);
});
server.listen(0, '127.0.0.1', () => {
  const proxy = 'http://127.0.0.1:' + server.address().port;
  const [command, ...args] = process.argv.slice(2).map((arg) => arg.replaceAll('{proxy}', proxy));
  const child = spawn(command, args, { stdio: 'inherit' });
  child.on('error', (error) => { console.error(String(error)); process.exit(127); });
  child.on('exit', (code, signal) => {
    if (signal !== null) console.error('killed by ' + signal);
    process.exit(code ?? 137);
  });
});
`;
