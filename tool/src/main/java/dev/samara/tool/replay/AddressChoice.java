// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

/** Who chooses the address of a replayed mapping that may be placed anywhere. */
public enum AddressChoice {
    /** The library decides, and it must choose the kernel's address. */
    BY_LIBRARY,
    /** The kernel's address in the trace is used; the range must be free. */
    BY_TRACE
}
