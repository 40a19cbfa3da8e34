// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The limits ({@code getrlimit(2)}) that memory calls check. Each is a soft limit in bytes. */
public enum Resource {
    /** Address space: all mappings. */
    AS,
    /** Data: private writable memory and the heap; a limit of 0 applies to the heap only. */
    DATA,
    /** The largest size to which a stack may grow. */
    STACK,
    /** Locked memory. */
    MEMLOCK
}
