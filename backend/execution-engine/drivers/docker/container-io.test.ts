import { describe, expect, it } from 'vitest';
import { ioFromStats, parseDisk, parseNetDev } from './container-io.ts';

describe('what a container has moved', () => {
  it('is read from /proc/net/dev, without the loopback', () => {
    const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  999       9    0    0    0     0          0         0      999       9    0    0    0     0       0          0
  eth0: 1500      10    0    0    0     0          0         0      700       8    0    0    0     0       0          0
  eth1:  1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0
`;
    expect(parseNetDev(text)).toEqual({ networkReceivedBytes: 1501, networkSentBytes: 702 });
    expect(parseNetDev('')).toEqual({ networkReceivedBytes: 0, networkSentBytes: 0 });
  });

  it('is read from both versions of control groups', () => {
    const two = '8:0 rbytes=4096 wbytes=10 rios=1 wios=1 dbytes=5 dios=0\n253:0 rbytes=1 wbytes=2 rios=1 wios=1\n';
    expect(parseDisk(two)).toEqual({ diskReadBytes: 4097, diskWrittenBytes: 12 });
    const one = '8:0 Read 4096\n8:0 Write 10\n8:0 Sync 0\n8:0 Total 4106\n253:0 Read 1\nTotal 4107\n';
    expect(parseDisk(one)).toEqual({ diskReadBytes: 4097, diskWrittenBytes: 10 });
  });

  it('is taken from the statistics of a daemon whose files cannot be seen', () => {
    const stats = {
      networks: { eth0: { rx_bytes: 5, tx_bytes: 6 } },
      blkio_stats: {
        io_service_bytes_recursive: [
          { op: 'Read', value: 7 },
          { op: 'write', value: 8 },
          { op: 'Total', value: 15 },
        ],
      },
    };
    expect(ioFromStats(stats)).toEqual({
      networkReceivedBytes: 5,
      networkSentBytes: 6,
      diskReadBytes: 7,
      diskWrittenBytes: 8,
    });
    expect(ioFromStats({ blkio_stats: { io_service_bytes_recursive: null } }).diskReadBytes).toBe(0);
  });
});
