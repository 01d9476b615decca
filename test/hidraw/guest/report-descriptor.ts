/** The report descriptor of a FIDO device (CTAP 2.1 section 11.2.8.1): usage page 0xF1D0, reports of 64 bytes each way. */
export const fidoReportDescriptor: Uint8Array = Uint8Array.of(
  ...[0x06, 0xd0, 0xf1], // Usage Page (FIDO Alliance)
  ...[0x09, 0x01], // Usage (U2F Authenticator Device)
  ...[0xa1, 0x01], // Collection (Application)
  ...[0x09, 0x20], // Usage (Input Report Data)
  ...[0x15, 0x00, 0x26, 0xff, 0x00], // Logical Minimum 0, Maximum 255
  ...[0x75, 0x08, 0x95, 0x40], // Report Size 8, Count 64
  ...[0x81, 0x02], // Input (Data, Variable, Absolute)
  ...[0x09, 0x21], // Usage (Output Report Data)
  ...[0x15, 0x00, 0x26, 0xff, 0x00], // Logical Minimum 0, Maximum 255
  ...[0x75, 0x08, 0x95, 0x40], // Report Size 8, Count 64
  ...[0x91, 0x02], // Output (Data, Variable, Absolute)
  0xc0, // End Collection
)

/** https://pid.codes: for tests. */
export const vendorId = 0x1209
export const productId = 0x0001
