import type { Report } from './records.ts'

const names: Readonly<Record<number, string>> = {
  129: 'PING',
  131: 'MSG',
  134: 'INIT',
  144: 'CBOR',
  145: 'CANCEL',
}
const cbor = 0x90
const ctap2: Readonly<Record<number, string>> = {
  1: 'makeCredential',
  2: 'getAssertion',
  4: 'getInfo',
  6: 'clientPIN',
  11: 'selection',
}
const hex = (byte: number) => `0x${byte.toString(16).padStart(2, '0')}`

/** A report of 64 bytes; over uhid a report id of 0 stands before what is written. */
export function withoutReportId(report: Report): Buffer {
  const bytes = Buffer.from(report.hex, 'hex')
  return bytes.length === 65 && bytes[0] === 0 ? bytes.subarray(1) : bytes
}

/** The names of the messages that a key was sent, in their order; of CBOR, the CTAP2 command's. */
export function messagesTo(reports: readonly Report[]): string[] {
  return reports
    .filter(({ direction }) => direction === 'to key')
    .map(withoutReportId)
    .filter(bytes => (bytes[4] ?? 0) >= 0x80)
    .map(bytes => {
      const [kind = 0, command = 0] = [bytes[4], bytes[7]]
      return kind === cbor ? (ctap2[command] ?? hex(command)) : (names[kind] ?? hex(kind))
    })
}
