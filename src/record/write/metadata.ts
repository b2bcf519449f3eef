/** metadata.yaml of a rosbag2 folder, version 9 (Jazzy): rosbag2_storage/yaml.hpp. */
import { stringify } from 'yaml';

const FOREVER = { sec: 9223372036, nsec: 854775807 };

/** With which `ros2 bag play` publishes. Reliable reaches reliable and best-effort subscribers alike. */
const QOS = {
  history: 'keep_last',
  depth: 10,
  reliability: 'reliable',
  durability: 'volatile',
  deadline: FOREVER,
  lifespan: FOREVER,
  liveliness: 'automatic',
  liveliness_lease_duration: FOREVER,
  avoid_ros_namespace_conventions: false,
};

/** As the MCAP channel has it. */
export const qosText = stringify([QOS]);

export interface TopicCount {
  readonly name: string;
  readonly type: string;
  readonly messages: number;
}

export interface RecordedFile {
  readonly file: string;
  readonly topics: readonly TopicCount[];
  /** logTime of the earliest and the latest message, ns. */
  readonly span: readonly [bigint, bigint];
  /** False while messages are still being added. */
  readonly complete: boolean;
}

export function metadataText({ file, topics, span: [first, last], complete }: RecordedFile): string {
  const messageCount = topics.reduce((sum, { messages }) => sum + messages, 0);
  const duration = { nanoseconds: last - first };
  const starting = { nanoseconds_since_epoch: first };
  return stringify(
    {
      rosbag2_bagfile_information: {
        version: 9,
        storage_identifier: 'mcap',
        duration,
        starting_time: starting,
        message_count: messageCount,
        topics_with_message_count: topics.map(({ name, type, messages }) => ({
          topic_metadata: {
            name,
            type,
            serialization_format: 'cdr',
            offered_qos_profiles: [QOS],
            type_description_hash: '',
          },
          message_count: messages,
        })),
        compression_format: '',
        compression_mode: '',
        relative_file_paths: [file],
        files: [{ path: file, starting_time: starting, duration, message_count: messageCount }],
        custom_data: { saccade_recording: complete ? 'complete' : 'under way, or cut short' },
        ros_distro: 'jazzy',
      },
    },
    { aliasDuplicateObjects: false },
  );
}
