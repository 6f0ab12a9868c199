import { setTimeout as sleep } from 'node:timers/promises';

const cents = { apple: 40, pear: 55, plum: 15 };

/** One result or error per event, in order. The look-up costs the same for one event as for sixteen. */
export async function handleBatch(events) {
  await sleep(5);
  return events.map((event) => {
    const fruit = event?.queryStringParameters?.fruit ?? event?.fruit;
    const price = cents[fruit];
    return price === undefined ? new RangeError(`no price for ${fruit}`) : { fruit, priceCents: price, sharedWith: events.length };
  });
}
