const maxOpenFiles = 256;

export interface JailerOptions {
  readonly jailer: string;
  readonly firecracker: string;
  readonly id: string;
  /** A number of its own for every microVM: user and group. */
  readonly uid: number;
  /** Below it the jailer makes `<name of the program>/<id>/root`. */
  readonly baseDirectory: string;
  readonly apiSocket: string;
  /** A file of the microVM's user may not grow further. */
  readonly maxFileBytes: number;
  /** The network namespace that it comes into; undefined: one of its own, with nothing in it. */
  readonly namespace: string | undefined;
}

/**
 * The command that becomes Firecracker in its jail. It waits for a line first, in which time it is put into its control group; has a network namespace with nothing
 * in it but perhaps the tap device of its guest, and IPC and host name of its own; the jailer then makes a mount namespace, changes the root, drops root's rights, and Firecracker limits its
 * own system calls.
 */
export function jailerCommand(options: JailerOptions): { readonly file: string; readonly args: readonly string[] } {
  const { jailer, firecracker, id, uid, baseDirectory, apiSocket, maxFileBytes, namespace } = options;
  const jail = [
    jailer,
    ...['--id', id, '--exec-file', firecracker],
    ...['--uid', String(uid), '--gid', String(uid)],
    ...['--chroot-base-dir', baseDirectory],
    ...(namespace === undefined ? [] : ['--netns', namespace]),
    ...['--resource-limit', `fsize=${maxFileBytes}`, '--resource-limit', `no-file=${maxOpenFiles}`],
    ...['--', '--api-sock', apiSocket],
  ];
  const script = 'read -r go && exec "$@" </dev/null';
  return {
    file: '/bin/sh',
    args: ['-c', script, 'jail', 'unshare', ...(namespace === undefined ? ['--net'] : []), '--ipc', '--uts', ...jail],
  };
}
