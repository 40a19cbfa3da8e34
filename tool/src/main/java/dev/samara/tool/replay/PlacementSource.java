// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

/**
 * Who chooses the address of a replayed mapping that may be placed anywhere. Applied by {@code
 * Replay.CallMaker.isPlacedByTrace}.
 */
public enum PlacementSource {
    /** The library chooses the address, which must be equal to the kernel's. */
    LIBRARY,
    /** The address in the trace, which the kernel chose, is used. The range must be free. */
    TRACE
}
