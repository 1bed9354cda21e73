/**
 * GitHub: events `package` and `registry_package`. One for each manifest; those of an index have no tag. Of several
 * tags that were pushed together it names one, so none is believed to be the only one.
 */
import { isSigned } from '../../../connectors/webhook/verify.ts'
import { fieldsOf, formPayload, headerOf, textOf } from './fields.ts'
import { nothing, pushed, type Sender } from './sender.ts'

const events = ['package', 'registry_package'] as const

export const github: Sender = {
  type: 'github',
  sent: (headers) => headerOf(headers, 'x-github-event') !== '',
  wrote: (body) => events.some((event) => 'package_version' in fieldsOf(body[event])),
  // Over the body as it is, also of a form.
  isSigned: ({ headers, body }, secrets) =>
    isSigned(body, [headerOf(headers, 'x-hub-signature-256').replace(/^sha256=/, '')], secrets),
  payload: formPayload,
  read(body, headers) {
    // The same one when it is delivered again by hand.
    const id = textOf(headerOf(headers, 'x-github-delivery'))
    const event = events.find((name) => name in body)
    if (event === undefined || !['published', 'updated'].includes(String(body['action']))) return nothing(id)
    const { name, namespace, owner, package_type: type, ecosystem, package_version: version } = fieldsOf(body[event])
    const kind = (textOf(type) ?? textOf(ecosystem) ?? '').toLowerCase()
    const { tag } = fieldsOf(fieldsOf(version)['container_metadata'])
    const isPart = fieldsOf(tag)['name'] === ''
    const of = textOf(namespace) ?? textOf(fieldsOf(owner)['login'])
    const image = textOf(name)
    if (kind !== 'container' || isPart || of === null || image === null) return nothing(id)
    return pushed(id, `${of}/${image}`.toLowerCase(), null)
  },
}
