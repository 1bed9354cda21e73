/** Has the engine ask its gates again about what is held of a stage, when what they go by has changed. */
import type { Engine } from '../../../engine/engine.ts'
import { canonicalJson, type Json } from '../../../kernel/json.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { StageKey } from '../model.ts'
import type { Book } from './book.ts'
import { definitionOf } from './definition.ts'

export interface ReconsiderParts {
  readonly book: Pick<Book, 'stages' | 'stage' | 'state' | 'subscribe'>
  readonly engine: () => Pick<Engine, 'reconsider'>
  readonly logger: Logger
}

/** Returns what ends it, once nothing of it goes on. */
export function reconsiderStages({ book, engine, logger }: ReconsiderParts): () => Promise<void> {
  const known = new Map(book.stages().map(({ key }) => [key, groundsOf(key)]))
  const going = new Set<Promise<void>>()

  /** All that gates go by. Results of looks are not: most changes are these. */
  function groundsOf(key: StageKey): string {
    const stage = book.stage(key)
    const { paused, approvals, asked, baseline, generation } = book.state(key)
    return canonicalJson({
      stage: stage && definitionOf(stage),
      paused,
      approvals,
      asked,
      baseline,
      generation,
    } as Json)
  }

  async function ask(key: StageKey, deployer: string): Promise<void> {
    try {
      await engine().reconsider(deployer, key)
    } catch (thrown) {
      logger.warn(
        { err: thrown, key },
        'what is held of a stage could not be asked about again; it is at the next start',
      )
    }
  }

  const unsubscribe = book.subscribe((key) => {
    const stage = book.stage(key)
    const grounds = groundsOf(key)
    if (stage === null) known.delete(key)
    if (stage === null || known.get(key) === grounds) return
    known.set(key, grounds)
    const asking = ask(key, stage.deployer).finally(() => going.delete(asking))
    going.add(asking)
  })

  return async () => {
    unsubscribe()
    await Promise.allSettled(going)
  }
}
