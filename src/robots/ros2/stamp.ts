/** The time stamp of a message that starts with a std_msgs/Header, read in place in its CDR. */
import { stampToNs } from '../../messages/time.js';

/** Four bytes of CDR header, then `int32 sec`, `uint32 nanosec`. */
const SEC = 4;
const NANOSEC = 8;
const END = 12;

/** ns; undefined where the header was never filled in (0), or is cut off. */
export function readStamp(cdr: Uint8Array): bigint | undefined {
  if (cdr.length < END) return undefined;
  const view = new DataView(cdr.buffer, cdr.byteOffset, cdr.byteLength);
  // The second byte tells the byte order: even big-endian, odd little-endian.
  const littleEndian = (view.getUint8(1) & 1) === 1;
  const stamp = stampToNs({
    sec: view.getInt32(SEC, littleEndian),
    nanosec: view.getUint32(NANOSEC, littleEndian),
  });
  return stamp === 0n ? undefined : stamp;
}
