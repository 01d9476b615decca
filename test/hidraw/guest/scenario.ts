import type { Bus, Outcome } from '../records.ts'
import type { Workbench } from './workbench.ts'

/** What a person and their keys do. */
export interface Scenario {
  readonly name: string
  readonly buses: readonly Bus[]
  run(bench: Workbench): Promise<Outcome>
}

/** An order of hufu's that takes a step-up, by key. */
export const stepUpByKey = ['recovery-codes', '--verify', 'webauthn']
