/** The thread that reads, on a connection of its own: the WAL lets it read while the other one writes. */
import { workerData } from 'node:worker_threads'
import { connect, type Connection } from './connection.ts'
import { sqliteError } from './errors.ts'
import { serveLink, type ReaderData } from './link.ts'
import { createReads } from './reads.ts'

const { path, cache } = workerData as ReaderData
let opened: Connection | null = null

serveLink(
  {
    each: {
      ...createReads(path, () => (opened ??= connect(path, { readOnly: true, cache }))),
      close: () => opened?.close(),
    },
  },
  sqliteError,
)
