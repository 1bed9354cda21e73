/** What one image may cost at most. An image above any of these is an error that names the limit. */
export interface Limits {
  /** Of an image. Builders stop at 127 as Docker does; each costs an open file while the archive is made. */
  readonly layers: number
  /** Of one layer, whatever they are: a hostile layer of empty entries costs time, not memory. */
  readonly entries: number
  /** Bytes that one layer may unpack to, wanted or not: at 300 MB/s a minute of one core. */
  readonly unpacked: number
  /** Bytes of one path, as Linux bounds them (PATH_MAX). */
  readonly path: number
  /** Bytes of one documentation file. Images and films in documentation are megabytes. */
  readonly file: number
  /** Files of one archive, links included: what is known of them is in memory while it is made. */
  readonly files: number
  /** Bytes of the files of one archive, and of what is kept of one layer. */
  readonly kept: number
  /** Bytes of all that `files` reads of one image: version.json and module.yaml are a few kilobytes. */
  readonly small: number
}

export const usualLimits: Limits = {
  layers: 256,
  entries: 1_000_000,
  unpacked: 16 * 1024 ** 3,
  path: 4096,
  file: 64 * 1024 ** 2,
  files: 20_000,
  kept: 512 * 1024 ** 2,
  small: 1024 ** 2,
}
