/**
 * Notifications of Distribution (docker-registry, and GitLab's). Layers, and the manifests of an index, are pushed
 * without a tag. Until it is answered well each event is sent again, under its id. It tells of pulls, too: every HEAD
 * of a manifest is one, our own as well.
 */
import { mediaTypeOf } from '../../../kernel/route.ts'
import { fieldsOf, listOf, textOf } from './fields.ts'
import type { Push, Sender } from './sender.ts'

export const distribution: Sender = {
  type: 'distribution',
  sent: (headers) => mediaTypeOf(headers['content-type']) === 'application/vnd.docker.distribution.events.v1+json',
  wrote: (body) => Array.isArray(body['events']),
  read(body) {
    const events = listOf(body['events']).map(fieldsOf)
    const pushes = events.map(pushOf).filter((push) => push !== null)
    return { id: null, pushes, ignored: events.length === 0 ? 1 : events.length - pushes.length }
  },
}

function pushOf({ id, action, target }: Readonly<Record<string, unknown>>): Push | null {
  const { repository, tag } = fieldsOf(target)
  const [image, named] = [textOf(repository), textOf(tag)]
  return action !== 'push' || image === null || named === null
    ? null
    : { id: textOf(id), repository: image, tag: named }
}
