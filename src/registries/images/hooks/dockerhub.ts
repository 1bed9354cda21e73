/** Docker Hub. It cannot sign, has no id, and calls several times for one image of several platforms. */
import { fieldsOf, textOf } from './fields.ts'
import { pushed, type Sender } from './sender.ts'

export const dockerhub: Sender = {
  type: 'dockerhub',
  sent: () => false,
  wrote: (body) => 'push_data' in body && textOf(fieldsOf(body['repository'])['repo_name']) !== null,
  read(body) {
    const { repo_name: full, namespace, name } = fieldsOf(body['repository'])
    const [of, image] = [textOf(namespace), textOf(name)]
    const repository = textOf(full) ?? (of === null || image === null ? null : `${of}/${image}`)
    return pushed(null, repository, textOf(fieldsOf(body['push_data'])['tag']))
  },
}
