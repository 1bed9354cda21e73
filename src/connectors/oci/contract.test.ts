/** One suite on every kind of store, so that the fake, which can go wrong, is known to go right as the real ones do. */
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layoutShelf } from '../../../tests/parts/shelves.ts'
import { createLayout } from './layout.ts'
import { imageStoreContract } from './testing/contract.ts'

imageStoreContract('a layout on disk', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'regista-layout-'))
  const folder = join(scratch, 'images')
  const shelf = layoutShelf(folder)
  return {
    store: createLayout({ folder }),
    shelf,
    untag: shelf.untag,
    async spoil(repository, digest, change) {
      const path = join(folder, repository, 'blobs', ...digest.split(':'))
      await writeFile(path, change(await readFile(path)))
    },
    async breakDown() {
      await rename(folder, join(scratch, 'away'))
      return () => rename(join(scratch, 'away'), folder)
    },
    dispose: () => rm(scratch, { recursive: true, force: true }),
  }
})
