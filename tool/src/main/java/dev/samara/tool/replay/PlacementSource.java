// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

/**
 * Where the address of a replayed mapping that may be placed anywhere comes from. {@code CallMaker.isPlacedByTrace}
 * applies it.
 */
public enum PlacementSource {
    /** The library places the mapping, and must choose the kernel's address. */
    LIBRARY,
    /** The kernel's address in the trace is used; the range must be free. */
    TRACE
}
