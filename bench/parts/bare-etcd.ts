/**
 * The strongest simple writer to etcd: grpc-js alone, transactions of as many puts as etcd takes, so
 * many in flight, nothing read, nothing guarded, nothing remembered.
 */
import { Client, credentials } from '@grpc/grpc-js'
import { transaction } from '../../src/connectors/etcd/messages.ts'

const operations = 128
const inFlight = 16

/** Writes every pair; seconds from the first call, connection included, to the last acknowledgement. */
export async function writeBare(port: number, pairs: Readonly<Record<string, string>>): Promise<number> {
  const began = performance.now()
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  const puts = Object.entries(pairs).map(([key, value]) => ({ op: 'put' as const, key, value: Buffer.from(value) }))
  let next = 0
  const worker = async () => {
    while (next < puts.length) {
      const from = next
      next += operations
      await send(client, puts.slice(from, from + operations))
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  const seconds = (performance.now() - began) / 1000
  client.close()
  return seconds
}

type Put = { readonly op: 'put'; readonly key: string; readonly value: Buffer }

function send(client: Client, puts: readonly Put[]): Promise<void> {
  const { path, encode, decode } = transaction
  const asked = { guards: [], operations: puts }
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, encode, decode, asked, (error, answer) => {
      if (error) reject(error)
      else if (answer?.succeeded) resolve()
      else reject(new Error('a transaction without guards did not succeed'))
    })
  })
}
