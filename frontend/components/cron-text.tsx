import { cronWords } from '../util/cron-words.ts';

/** A cron expression in words, or as it is where there are none for it. */
export function CronText({ cron }: { readonly cron: string }) {
  return cronWords(cron) ?? cron;
}
