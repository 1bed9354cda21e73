/** The thread that writes, see writes.ts. */
import { workerData } from 'node:worker_threads'
import { sqliteError } from './errors.ts'
import { serveLink, type WriterData } from './link.ts'
import { createWrites } from './writes.ts'

serveLink(createWrites(workerData as WriterData, { reads: false }), sqliteError)
