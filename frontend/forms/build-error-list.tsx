import type { BuildError } from '../../shared/api/build-errors.ts';
import { Callout } from '../ui/callout.tsx';
import { announcementOf, placeText } from '../util/build-errors.ts';

export interface BuildErrorListProps {
  readonly errors: readonly BuildError[];
  /** Whether the file is one that can be shown; packages are not. */
  readonly isKnown: (error: BuildError) => boolean;
  readonly onShow: (error: BuildError) => void;
}

/** Where the code does not build, each place a way to it. What is new is read out. */
export function BuildErrorList({ errors, isKnown, onShow }: BuildErrorListProps) {
  return (
    <>
      <p role="status" className="sr-only">
        {announcementOf(errors)}
      </p>
      {errors.length > 0 && (
        <Callout
          tone="danger"
          title={errors.length === 1 ? '1 error in the build' : `${errors.length} errors in the build`}
        >
          <ul aria-label="Errors in the build" className="flex max-h-40 flex-col gap-0.5 overflow-y-auto">
            {errors.map((error, index) => (
              // Two errors may be at one place, with the same words.
              // biome-ignore lint/suspicious/noArrayIndexKey: see above
              <li key={index} className="flex flex-wrap items-baseline gap-x-2">
                {isKnown(error) ? (
                  <button
                    type="button"
                    className="min-h-6 text-left font-mono text-xs text-accent underline wrap-anywhere"
                    onClick={() => onShow(error)}
                  >
                    {placeText(error)}
                  </button>
                ) : (
                  <span className="font-mono text-xs wrap-anywhere">{placeText(error)}</span>
                )}
                <span className="text-text wrap-anywhere">{error.text}</span>
              </li>
            ))}
          </ul>
        </Callout>
      )}
    </>
  );
}
