/** What the original says of each request to a builder. */
import { AppError } from '../../../kernel/errors.ts'
import type { DocsBuilder } from '../../../registries/modules/drop-in.ts'
import type { Log } from './log.ts'

/** The messages before and after a request, and when there was no answer. */
const words = {
  upload: ['upload archive', 'upload archive response', 'send upload docs'],
  remove: ['delete documentation', 'delete response', 'send delete docs'],
  build: ['send build', 'build response', 'send build docs'],
} as const

const expected = { upload: 201, remove: 204, build: 200 } as const

export function earOfSender(log: Log, builder: DocsBuilder): DocsBuilder {
  const backend = builder.host
  const base = `http://${backend}/api/v1`

  async function say(is: keyof typeof words, url: string, send: () => Promise<void>): Promise<void> {
    const [before, after, failed] = words[is]
    log('info', before, { backend, url })
    try {
      await send()
    } catch (thrown) {
      const status = thrown instanceof AppError ? thrown.data['status'] : undefined
      if (typeof status === 'number') log('warn', after, { backend, status_code: status })
      // Cut off by us: it is sent again.
      else if (!(thrown instanceof AppError && thrown.code === 'aborted'))
        log('error', failed, { backend, error: thrown })
      throw thrown
    }
    log('info', after, { backend, status_code: expected[is] })
  }

  return {
    ...builder,
    upload: (upload, signal) => {
      const { module, version, channels } = upload
      const url = `${base}/doc/${module}/${version}?channels=${channels.join(',')}`
      return say('upload', url, () => builder.upload(upload, signal))
    },
    remove: (what, signal) => {
      const url = `${base}/doc/${what.module}?channels=${what.channels.join('%2C')}`
      return say('remove', url, () => builder.remove(what, signal))
    },
    build: (signal) => say('build', `${base}/build`, () => builder.build(signal)),
  }
}
