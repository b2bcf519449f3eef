/** The ROS 2 messages Saccade reads and writes, as plain values: field names are ROS's own. */

export interface Time {
  readonly sec: number;
  readonly nanosec: number;
}

export interface Header {
  readonly stamp: Time;
  readonly frame_id: string;
}

/** Pixels row by row, `step` bytes a row. */
export interface Image {
  readonly header: Header;
  readonly height: number;
  readonly width: number;
  readonly encoding: string;
  readonly is_bigendian: number;
  readonly step: number;
  readonly data: Uint8Array;
}

/** `format` names the codec, as image_transport writes it: `jpeg`, `png`, `rgb8; jpeg compressed bgr8`. */
export interface CompressedImage {
  readonly header: Header;
  readonly format: string;
  readonly data: Uint8Array;
}

export interface JointStateMessage {
  readonly header: Header;
  readonly name: readonly string[];
  readonly position: Float64Array;
  readonly velocity: Float64Array;
  readonly effort: Float64Array;
}

export interface JointTrajectoryPoint {
  readonly positions: Float64Array;
  readonly velocities: Float64Array;
  readonly accelerations: Float64Array;
  readonly effort: Float64Array;
  readonly time_from_start: Time;
}

export interface JointTrajectory {
  readonly header: Header;
  readonly joint_names: readonly string[];
  readonly points: readonly JointTrajectoryPoint[];
}

export interface Float64MultiArray {
  readonly layout: {
    readonly dim: readonly { readonly label: string; readonly size: number; readonly stride: number }[];
    readonly data_offset: number;
  };
  readonly data: Float64Array;
}

export interface DiagnosticArray {
  readonly header: Header;
  readonly status: readonly {
    /** 0 OK, 1 WARN, 2 ERROR, 3 STALE. */
    readonly level: number;
    readonly name: string;
    readonly message: string;
    readonly hardware_id: string;
    readonly values: readonly { readonly key: string; readonly value: string }[];
  }[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

export interface Quaternion extends Point {
  readonly w: number;
}

/** 0 … 1. */
export interface ColorRGBA {
  readonly r: number;
  readonly g: number;
  readonly b: number;
  readonly a: number;
}

/** `type`: 1 cube, 2 sphere, 3 cylinder; `action`: 0 add or modify, 3 delete all. */
export interface Marker {
  readonly header: Header;
  readonly ns: string;
  readonly id: number;
  readonly type: number;
  readonly action: number;
  readonly pose: { readonly position: Point; readonly orientation: Quaternion };
  readonly scale: Point;
  readonly color: ColorRGBA;
  readonly lifetime: Time;
  readonly frame_locked: boolean;
  readonly points: readonly Point[];
  readonly colors: readonly ColorRGBA[];
  readonly texture_resource: string;
  readonly texture: CompressedImage;
  readonly uv_coordinates: readonly { readonly u: number; readonly v: number }[];
  readonly text: string;
  readonly mesh_resource: string;
  readonly mesh_file: { readonly filename: string; readonly data: Uint8Array };
  readonly mesh_use_embedded_materials: boolean;
}

/** `child_frame_id` is what stands there. */
export interface TransformStamped {
  readonly header: Header;
  readonly child_frame_id: string;
  readonly transform: { readonly translation: Point; readonly rotation: Quaternion };
}

/** By full type name. */
export interface Messages {
  'sensor_msgs/msg/Image': Image;
  'sensor_msgs/msg/CompressedImage': CompressedImage;
  'sensor_msgs/msg/JointState': JointStateMessage;
  'trajectory_msgs/msg/JointTrajectory': JointTrajectory;
  'std_msgs/msg/Float64MultiArray': Float64MultiArray;
  'std_msgs/msg/Float64': { readonly data: number };
  'std_msgs/msg/Float32': { readonly data: number };
  'std_msgs/msg/Bool': { readonly data: boolean };
  'std_msgs/msg/String': { readonly data: string };
  'tf2_msgs/msg/TFMessage': { readonly transforms: readonly TransformStamped[] };
  'rosgraph_msgs/msg/Clock': { readonly clock: Time };
  'diagnostic_msgs/msg/DiagnosticArray': DiagnosticArray;
  'visualization_msgs/msg/MarkerArray': { readonly markers: readonly Marker[] };
}
export type MessageType = keyof Messages;
