import type { BuildDocument, BuildFailure, BuildLine } from '../../shared/api/builds.ts';
import { shortNameOf } from '../../shared/names.ts';
import type { StoredBuild, StoredFailure, StoredLine } from '../core/ports/build-store.ts';
import { timeOrNull, timeText } from './documents.ts';
import { statusOf } from './error-mapping.ts';

export function buildDocument(build: StoredBuild): BuildDocument {
  const { functionName, steps, createdAt, finishedAt, version, error, ...same } = build;
  return {
    ...same,
    functionName: shortNameOf(functionName),
    steps: steps.map((step) => ({
      name: step.name,
      startedAt: timeText(step.startedAt),
      finishedAt: timeOrNull(step.finishedAt),
    })),
    createdAt: timeText(createdAt),
    finishedAt: timeOrNull(finishedAt),
    version: version ?? null,
    error: error === undefined ? null : failureDocument(error),
  };
}

function failureDocument({ kind, ...same }: StoredFailure): BuildFailure {
  return { ...same, status: statusOf(kind) };
}

/** `index` from 0. */
export function buildLine({ step, at, text }: StoredLine, index: number): BuildLine {
  return { seq: index + 1, step: step ?? null, at: timeText(at), text };
}
