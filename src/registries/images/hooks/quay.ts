/** Quay. It cannot sign, and has no id. */
import { listOf, textOf } from './fields.ts'
import type { Sender } from './sender.ts'

export const quay: Sender = {
  type: 'quay',
  sent: () => false,
  wrote: (body) => 'updated_tags' in body && 'docker_url' in body,
  read(body) {
    const [of, image] = [textOf(body['namespace']), textOf(body['name'])]
    const plain = textOf(body['repository']) ?? (of === null || image === null ? null : `${of}/${image}`)
    const repository = plain ?? textOf(body['docker_url'])
    const tags = listOf(body['updated_tags']).map(textOf)
    const named = tags.filter((tag) => tag !== null)
    if (repository === null || named.length === 0) return { id: null, pushes: [], ignored: Math.max(1, tags.length) }
    const pushes = named.map((tag) => ({ id: null, repository, tag }))
    return { id: null, pushes, ignored: tags.length - named.length }
  },
}
