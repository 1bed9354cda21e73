import { startEtcd } from '../../../tests/parts/etcd.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { systemClock } from '../../kernel/clock.ts'
import { keyValueContract } from '../../kernel/testing/key-value-contract.ts'
import { createEtcd } from './client.ts'

keyValueContract(
  'etcd',
  async () => {
    const etcd = await startEtcd()
    const keyValue = createEtcd({ endpoints: etcd.endpoints, clock: systemClock })
    return {
      keyValue,
      async dispose() {
        await keyValue.close()
        await etcd[Symbol.asyncDispose]()
      },
    }
  },
  { skip: skipWithout('etcd') },
)
