import { Link } from '@tanstack/react-router';
import type { VersionDocument } from '../../shared/api/functions.ts';
import type { ContainerImageConfig } from '../../shared/version-config.ts';
import { paths } from '../path-builder.ts';
import { Card } from '../ui/card.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { formatBytes } from '../util/format.ts';

const protocolTexts: Readonly<Record<ContainerImageConfig['protocol'], string>> = {
  http: 'HTTP on PORT',
  lambda: 'Lambda Runtime API',
  agent: "Hearth's own protocol",
};

export interface ImageCardProps {
  readonly version: VersionDocument;
  readonly image: ContainerImageConfig;
}

/** What a version runs that has an image in the place of code. */
export function ImageCard({ version, image }: ImageCardProps) {
  const rows: readonly (readonly [string, string])[] = [
    ['Image', image.reference],
    ['Pinned', image.pinned ?? 'A local image: only the daemon here has it'],
    ['Digest', version.digest],
    ['Size', formatBytes(version.sizeBytes)],
    ['Called by', protocolTexts[image.protocol]],
    ...(image.protocol === 'http'
      ? [
          ['Port', String(image.port)] as const,
          [
            'Ready',
            image.readinessPath === null ? 'when the port takes connections' : `GET ${image.readinessPath}`,
          ] as const,
        ]
      : []),
    ['Registry credentials', image.pullSecret ?? 'none'],
  ];
  return (
    <Card title="Container image" note={`of version ${version.version}`}>
      <dl className="flex flex-col text-sm">
        {rows.map(([title, value]) => (
          <div
            key={title}
            className="grid gap-x-3 border-b border-line py-1.5 last:border-0 sm:grid-cols-[9rem_minmax(0,1fr)]"
          >
            <dt className="text-muted">{title}</dt>
            <dd className="flex min-w-0 items-center gap-1 wrap-anywhere">
              <span className="min-w-0 font-mono text-xs leading-5">{value}</span>
              {(title === 'Digest' || title === 'Image') && <CopyButton text={value} label={`Copy: ${title}`} />}
            </dd>
          </div>
        ))}
      </dl>
      <p className="mt-3 text-sm text-muted">
        Another image, or what its tag names now, is a new version:{' '}
        <Link to={paths.function(version.functionName, 'settings')} className="text-accent underline">
          change it in the settings
        </Link>
        .
      </p>
    </Card>
  );
}
