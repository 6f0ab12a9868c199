/** Runs the bench that is named and sends its rows to the process that started this one. */
import { benches } from './catalog.ts';

const bench = benches[process.argv[2] ?? ''];
if (bench === undefined) throw new Error(`there is no bench ${process.argv[2]}`);
const rows = await bench.run();
// What a bench left open does not keep it from ending.
process.send?.(rows, () => process.exit());
