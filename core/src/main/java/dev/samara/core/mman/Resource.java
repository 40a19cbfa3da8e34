// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/**
 * The limits ({@code getrlimit(2)}) that memory calls check, and one that Linux has for cgroups only. Each is a soft
 * limit in bytes.
 */
public enum Resource {
    /** Address space: all mappings. */
    AS,
    /** Data: private writable memory and the heap; a limit of 0 applies to the heap only. */
    DATA,
    /** The largest size to which a stack may grow. */
    STACK,
    /** Locked memory. */
    MEMLOCK,
    /**
     * Page tables: a page for each table, the topmost included. An access that needs another table beyond the limit is
     * {@link Fault#OUT_OF_MEMORY}, and a call is {@link Errno#ENOMEM}. Linux charges page tables to the memory cgroup.
     */
    PAGE_TABLES
}
