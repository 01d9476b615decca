// The port to a FIDO HID device (CTAP 2.1 section 11.2): reports of 64 bytes each way, whatever carries them.

/** How long a report is, in bytes, without a report id. */
export const reportLength = 64

/** An open device. */
export interface HidDevice {
  /** What `--device` takes to name it. */
  readonly path: string
  /** What people call it. Printable. */
  readonly product: string
  /** Writes one report of 64 bytes. @throws {CtapError} `key_unplugged`, `key_needs_administrator` */
  write(report: Uint8Array): Promise<void>
  /**
   * The next report of 64 bytes, or undefined when none came within `milliseconds`. One read at a time; a write may be
   * made meanwhile. @throws {CtapError} `key_unplugged`
   */
  read(milliseconds: number): Promise<Uint8Array | undefined>
  /** Lets go of the device. May be called again, and after an error. */
  close(): Promise<void>
}

/** A device that can be opened. */
export interface HidDeviceListing {
  readonly path: string
  readonly product: string
  /** @throws {CtapError} `key_no_permission`, `key_needs_administrator`, `key_busy`, `key_not_found`, `key_unplugged` */
  open(): Promise<HidDevice>
}

/** A way to devices. */
export interface HidTransport {
  /** The devices that are there now. @throws {CtapError} `key_hid_unavailable` */
  list(): Promise<HidDeviceListing[]>
}
