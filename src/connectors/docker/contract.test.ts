import { engineContract } from './testing/contract.ts'
import { fakeGround } from './testing/grounds.ts'

engineContract('fake', false, fakeGround)
