// What the guest tells the host: one JSON line for each scenario.

import type { HufuEvent } from '../support/hufu.ts'

/** How the key reaches the kernel's HID layer: as a device of /dev/uhid, or over USB by usbhid. */
export type Bus = 'uhid' | 'usb'

/** A report, in hexadecimal, as the key's end of the wire saw it. */
export interface Report {
  /** When, in milliseconds since the Unix epoch: for people who look for what took so long. */
  readonly at: number
  readonly direction: 'to key' | 'from key'
  readonly hex: string
}

/** One run of hufu, from its start to the end of its process. */
export interface RecordedRun {
  /** Undefined when it did not end by itself. */
  readonly exitCode: number | undefined
  readonly sequence: readonly string[]
  readonly last: HufuEvent
  readonly stderr: string
  /** What went meanwhile over the wire of each key that was spoken to, the oldest key first. */
  readonly reports: readonly (readonly Report[])[]
}

/** What a scenario did: its runs in their order, and what else it saw. */
export interface Outcome {
  readonly runs: readonly RecordedRun[]
  readonly seen?: Readonly<Record<string, unknown>>
}

export type ScenarioRecord = { readonly name: string } & ({ readonly outcome: Outcome } | { readonly failure: string })

/** The line after the last scenario's. */
export const endOfRecords = 'end'
