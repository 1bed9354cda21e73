/** The thread that writes the WAL back, see checkpoints.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { writeBack } from './checkpoints.ts'
import { connect } from './connection.ts'

const connection = connect(workerData as string, { readOnly: false })

parentPort!.on('message', () => {
  const written = writeBack(connection)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows, this is a thread
  parentPort!.postMessage(written)
})
