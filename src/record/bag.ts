/** A rosbag2 recording as the reader gives it, whatever its storage and compression. */

export interface BagTopic {
  readonly name: string;
  /** `package/msg/Name`. */
  readonly type: string;
  /** `cdr`, for every ROS 2 message. */
  readonly serialization: string;
  /** Absent where the recording does not say (it was cut short). */
  readonly messages?: number;
}

export interface BagMessage {
  readonly topic: string;
  readonly type: string;
  /** When it was received, ns. */
  readonly logTime: bigint;
  /** When it was sent, ns; `logTime` where the storage does not keep it. */
  readonly publishTime: bigint;
  /** CDR with its four bytes of header. Belongs to the receiver. */
  readonly data: Uint8Array;
}

export interface MessageFilter {
  /** All topics when absent. */
  readonly topics?: ReadonlySet<string>;
}

export interface BagReader {
  /** As it was asked for. */
  readonly path: string;
  readonly storage: 'mcap' | 'sqlite3';
  readonly topics: readonly BagTopic[];
  /** MCAP metadata records by name; empty for sqlite3. */
  readonly metadata: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** One sentence when the recording is cut short or partly unreadable: what can be read is given, then this is set. */
  readonly damage: string | undefined;
  /** In the order of `logTime`, as they stream from the disk; may be called again, one iteration at a time. */
  messages(filter?: MessageFilter): AsyncIterable<BagMessage>;
  close(): Promise<void>;
}
