import { sparkPath } from './spark-path.ts';

export interface SparklineProps {
  readonly values: readonly (number | null)[];
  readonly label: string;
  /** A CSS variable, for example `--series-1`. */
  readonly color?: string;
  readonly width?: number;
  readonly height?: number;
  readonly className?: string;
}

/** A small line without axes; `label` says in words what it shows. */
export function Sparkline({ values, label, color = '--series-1', width = 96, height = 24, className }: SparklineProps) {
  const { line, area } = sparkPath(values, width, height);
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      className={className ?? 'h-6 w-24'}
    >
      <path d={area} fill={`var(${color})`} opacity="0.14" />
      <path
        d={line}
        fill="none"
        stroke={`var(${color})`}
        strokeWidth="1.5"
        vectorEffect="non-scaling-stroke"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </svg>
  );
}
