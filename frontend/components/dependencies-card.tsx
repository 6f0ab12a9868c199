import type { InstalledPackages } from '../../shared/api/functions.ts';
import { Card } from '../ui/card.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { type Dependencies, type Dependency, dependenciesOf, dependencyFiles } from '../util/dependencies.ts';
import { formatBytes } from '../util/format.ts';

type Runtime = keyof typeof dependencyFiles;

const supported: Readonly<Record<Runtime, string>> = {
  nodejs:
    'Packages that package.json names under "dependencies" are installed when you deploy or test a draft, without running install scripts; a package-lock.json pins their versions. What the code uses of them is bundled into one file. Packages with native addons, and all of them with "hearth": {"bundle": false}, lie beside the code instead.',
  python:
    'Packages that requirements.txt names are installed into site-packages when you deploy or test a draft. Only wheels are: nothing is compiled.',
};

const columns: readonly TableColumn<Dependency>[] = [
  { id: 'name', label: 'Package', cell: ({ name }) => <span className="font-mono wrap-anywhere">{name}</span> },
  {
    id: 'declared',
    label: 'Asked for',
    cell: ({ declared }) => <span className="font-mono">{declared || 'any'}</span>,
  },
  {
    id: 'installed',
    label: 'Installed',
    cell: ({ installed }) => <span className="font-mono">{installed.join(', ') || '–'}</span>,
  },
  {
    id: 'size',
    label: 'Size',
    isNumber: true,
    cell: ({ sizeBytes }) => (sizeBytes === 0 ? 'not used' : formatBytes(sizeBytes)),
  },
];

export interface DependenciesCardProps {
  readonly runtime: Runtime;
  readonly files: Readonly<Record<string, string>>;
  readonly changed: ReadonlySet<string>;
  readonly version: number;
  readonly packages: InstalledPackages | null;
}

/** What is to be known of the numbers beside it. */
function noteOf({ runtime, files, changed, version, packages }: DependenciesCardProps, found: Dependencies): string {
  const file = dependencyFiles[runtime];
  if (found.isBroken) return `${file} cannot be read as it is.`;
  if (changed.has(file)) return `${file} was changed: the next deploy installs what it names now.`;
  if (packages !== null) {
    const where = packages.isBundled ? 'sizes are what the bundle has of each' : 'they lie beside the code, whole';
    const { count, sizeBytes } = found.others;
    const others = count === 0 ? '' : ` ${count} more, ${formatBytes(sizeBytes)}, are there because these need them.`;
    return `As the build of version ${version} installed them; ${where}.${others}`;
  }
  const folder = runtime === 'nodejs' ? 'node_modules/' : 'site-packages/';
  if (Object.keys(files).some((path) => path.startsWith(folder)))
    return `${folder} came with the code; nothing was installed.`;
  return `What the build of version ${version} installed was not noted down; a new version will show it.`;
}

/** Packages that the code names, with what became of them in the version that is edited; or how to use some. */
export function DependenciesCard(props: DependenciesCardProps) {
  const { runtime, files, packages } = props;
  const found = dependenciesOf(runtime, files[dependencyFiles[runtime]], packages);
  const hasSome = found.named.length > 0;
  return (
    <Card title="Dependencies" note={runtime === 'nodejs' ? 'npm' : 'pip'} isFlush={hasSome}>
      {hasSome && (
        <Table label="Dependencies" columns={columns} rows={found.named} rowKey={({ name }) => name} isStacked />
      )}
      <p className={hasSome ? 'border-t border-line px-4 py-2 text-xs text-muted' : 'text-sm text-muted'}>
        {hasSome || found.isBroken ? noteOf(props, found) : supported[runtime]}
      </p>
    </Card>
  );
}
