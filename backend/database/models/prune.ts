/** Rows per step: a step holds up other writers for a few milliseconds at most. */
const rowsPerStep = 1000;

/** Deletes in steps of about a thousand rows until a step finds fewer; returns how many rows went. */
export async function deleteInSteps(
  deleteSome: (limit: number) => Promise<{ readonly numDeletedRows: bigint }>,
): Promise<number> {
  let total = 0;
  for (;;) {
    const { numDeletedRows } = await deleteSome(rowsPerStep);
    total += Number(numDeletedRows);
    if (numDeletedRows < rowsPerStep) return total;
  }
}
