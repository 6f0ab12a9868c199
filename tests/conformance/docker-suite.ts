import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DockerDriver } from '../../backend/execution-engine/drivers/docker/docker-driver.ts';
import { describeDriver } from './driver-suite.ts';

/**
 * The suite of all drivers for Docker at `dockerHost`; skips itself, with the reason, where no daemon answers. What is left is asked of `daemon`, where
 * that is another way to the same one.
 */
export function describeDocker(
  name: string,
  dockerHost: () => string,
  daemon = () => process.env['DOCKER_HOST'] ?? '',
): void {
  let directory = '';
  describeDriver(name, {
    hasProcesses: true,
    makeDriver: (place) => {
      directory = join(place, 'docker');
      return new DockerDriver({ runDirectory: place, dockerHost: dockerHost() });
    },
    // Slots and containers of this driver that still exist. The daemon is asked itself, and by its own program.
    leftovers: () => {
      if (!existsSync(join(directory, 'home-id'))) return [];
      const home = readFileSync(join(directory, 'home-id'), 'utf8');
      const args = ['ps', '--all', '--quiet', '--filter', `label=hearth.home=${home}`];
      const { status, stdout, stderr } = spawnSync('docker', args, {
        encoding: 'utf8',
        env: { ...process.env, DOCKER_HOST: daemon() },
      });
      if (status !== 0) throw new Error(`docker ps: ${stderr}`);
      const slots = readdirSync(directory, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .flatMap((entry) => readdirSync(join(directory, entry.name)).filter((slot) => /^\d+$/.test(slot)));
      return [...stdout.split('\n').filter((id) => id !== ''), ...slots.map((slot) => `slot ${slot}`)];
    },
  });
}
